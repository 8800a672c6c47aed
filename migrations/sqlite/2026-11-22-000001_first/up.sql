-- The first schema. Times are microseconds since the Unix epoch, UTC; money is millionths of a US dollar;
-- *_key columns hold the normalised form of what is compared without case; JSON is kept as text.
-- Twin of the other database's file: same tables, same columns, same order.

CREATE TABLE intake (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    channel TEXT NOT NULL,
    source TEXT NOT NULL,
    body BLOB NOT NULL,
    digest TEXT NOT NULL,
    state TEXT NOT NULL,
    error TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    received_at INTEGER NOT NULL,
    done_at INTEGER,
    UNIQUE (channel, digest)
);
CREATE INDEX intake_state ON intake (state, id);

-- People

CREATE TABLE users (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL,
    name_key TEXT NOT NULL UNIQUE,
    email TEXT,
    email_key TEXT UNIQUE,
    email_verified_at INTEGER,
    password_hash TEXT,
    role TEXT NOT NULL,
    bio TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    post_count INTEGER NOT NULL DEFAULT 0,
    answer_count INTEGER NOT NULL DEFAULT 0,
    erased_at INTEGER
);

CREATE TABLE sessions (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    token_hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    last_used_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    user_agent TEXT NOT NULL
);
CREATE INDEX sessions_user ON sessions (user_id);

CREATE TABLE one_time_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    purpose TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    user_id INTEGER REFERENCES users (id),
    case_id INTEGER,
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    used_at INTEGER
);
CREATE INDEX one_time_tokens_user ON one_time_tokens (user_id);

CREATE TABLE handles (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    network TEXT NOT NULL,
    network_user_id TEXT NOT NULL,
    username TEXT NOT NULL,
    username_key TEXT NOT NULL,
    display_name TEXT NOT NULL,
    avatar_url TEXT,
    followers INTEGER NOT NULL,
    verified BOOLEAN NOT NULL,
    user_id INTEGER REFERENCES users (id),
    proved_at INTEGER,
    proof TEXT,
    opted_out_at INTEGER,
    seen_at INTEGER NOT NULL,
    UNIQUE (network, network_user_id)
);
CREATE INDEX handles_username ON handles (network, username_key);
CREATE INDEX handles_user ON handles (user_id);

CREATE TABLE consents (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    handle_id INTEGER REFERENCES handles (id),
    user_id INTEGER REFERENCES users (id),
    case_id INTEGER,
    email TEXT NOT NULL,
    purpose TEXT NOT NULL,
    wording TEXT NOT NULL,
    given_at INTEGER NOT NULL,
    withdrawn_at INTEGER
);
CREATE INDEX consents_handle ON consents (handle_id);

CREATE TABLE audit_log (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    at INTEGER NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id INTEGER,
    actor_name TEXT NOT NULL,
    act TEXT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id INTEGER NOT NULL,
    reason TEXT NOT NULL,
    data TEXT NOT NULL
);
CREATE INDEX audit_subject ON audit_log (subject_kind, subject_id, id);
CREATE INDEX audit_at ON audit_log (at);

-- Forum

CREATE TABLE products (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    position INTEGER NOT NULL,
    link_threshold DOUBLE NOT NULL DEFAULT 0.8,
    propose_threshold DOUBLE NOT NULL DEFAULT 0.25,
    auto_link BOOLEAN NOT NULL DEFAULT TRUE,
    auto_acknowledge BOOLEAN NOT NULL DEFAULT FALSE,
    brand_terms TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE staff_products (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    product_id INTEGER NOT NULL REFERENCES products (id),
    UNIQUE (user_id, product_id)
);

CREATE TABLE topics (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (id),
    slug TEXT NOT NULL,
    name TEXT NOT NULL,
    description TEXT NOT NULL,
    position INTEGER NOT NULL,
    UNIQUE (product_id, slug)
);

CREATE TABLE tags (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    slug TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL,
    thread_count INTEGER NOT NULL DEFAULT 0
);
CREATE INDEX tags_count ON tags (thread_count DESC, slug);

CREATE TABLE threads (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    product_id INTEGER NOT NULL REFERENCES products (id),
    topic_id INTEGER REFERENCES topics (id),
    author_id INTEGER NOT NULL REFERENCES users (id),
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    visibility TEXT NOT NULL,
    title TEXT NOT NULL,
    slug TEXT NOT NULL,
    language TEXT,
    created_at INTEGER NOT NULL,
    active_at INTEGER NOT NULL,
    solved_at INTEGER,
    closed_at INTEGER,
    pinned BOOLEAN NOT NULL DEFAULT FALSE,
    reply_count INTEGER NOT NULL DEFAULT 0,
    me_too_count INTEGER NOT NULL DEFAULT 0,
    follower_count INTEGER NOT NULL DEFAULT 0,
    accepted_count INTEGER NOT NULL DEFAULT 0,
    primary_answer_id INTEGER,
    official BOOLEAN NOT NULL DEFAULT FALSE,
    fixed_in TEXT,
    from_case_id INTEGER,
    from_mention_id INTEGER,
    version INTEGER NOT NULL DEFAULT 1,
    request_key TEXT UNIQUE
);
-- One for each list of threads there is, so that its page is read in order and no further than it shows.
CREATE INDEX threads_public ON threads (visibility, id);
CREATE INDEX threads_author ON threads (author_id, id);
CREATE INDEX threads_active ON threads (visibility, active_at, id);
CREATE INDEX threads_state ON threads (visibility, kind, state, active_at, id);
CREATE INDEX threads_product ON threads (product_id, visibility, active_at, id);
CREATE INDEX threads_product_kind ON threads (product_id, visibility, kind, active_at, id);
CREATE INDEX threads_product_state ON threads (product_id, visibility, kind, state, active_at, id);
CREATE INDEX threads_topic ON threads (topic_id, visibility, active_at, id);
CREATE INDEX threads_topic_kind ON threads (topic_id, visibility, kind, active_at, id);
CREATE INDEX threads_topic_state ON threads (topic_id, visibility, kind, state, active_at, id);
CREATE INDEX threads_product_pinned ON threads (product_id, visibility, active_at, id) WHERE pinned;
CREATE INDEX threads_topic_pinned ON threads (topic_id, visibility, active_at, id) WHERE pinned;

CREATE TABLE thread_tags (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    thread_id INTEGER NOT NULL REFERENCES threads (id),
    tag_id INTEGER NOT NULL REFERENCES tags (id),
    active_at INTEGER NOT NULL,
    UNIQUE (thread_id, tag_id)
);
CREATE INDEX thread_tags_tag ON thread_tags (tag_id, active_at, thread_id);

CREATE TABLE posts (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    thread_id INTEGER NOT NULL REFERENCES threads (id),
    author_id INTEGER NOT NULL REFERENCES users (id),
    number INTEGER NOT NULL,
    body TEXT NOT NULL,
    body_html TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    edited_at INTEGER,
    edit_count INTEGER NOT NULL DEFAULT 0,
    official BOOLEAN NOT NULL DEFAULT FALSE,
    accepted_at INTEGER,
    accepted_by INTEGER,
    reply_to_id INTEGER,
    deleted_at INTEGER,
    deleted_by INTEGER,
    request_key TEXT UNIQUE,
    UNIQUE (thread_id, number)
);
CREATE INDEX posts_author ON posts (author_id, id);

CREATE TABLE post_revisions (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    post_id INTEGER NOT NULL REFERENCES posts (id),
    number INTEGER NOT NULL,
    editor_id INTEGER NOT NULL REFERENCES users (id),
    title TEXT,
    body TEXT NOT NULL,
    reason TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    hidden_at INTEGER,
    hidden_by INTEGER,
    UNIQUE (post_id, number)
);

CREATE TABLE me_toos (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    thread_id INTEGER NOT NULL REFERENCES threads (id),
    user_id INTEGER NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    UNIQUE (thread_id, user_id)
);
CREATE INDEX me_toos_user ON me_toos (user_id, id);

CREATE TABLE subscriptions (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    subject_kind TEXT NOT NULL,
    subject_id INTEGER NOT NULL,
    created_at INTEGER NOT NULL,
    UNIQUE (user_id, subject_kind, subject_id)
);
CREATE INDEX subscriptions_subject ON subscriptions (subject_kind, subject_id);

CREATE TABLE notifications (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    kind TEXT NOT NULL,
    thread_id INTEGER REFERENCES threads (id),
    post_id INTEGER,
    case_id INTEGER,
    actor_id INTEGER,
    created_at INTEGER NOT NULL,
    read_at INTEGER,
    dedupe_key TEXT NOT NULL UNIQUE
);
CREATE INDEX notifications_user ON notifications (user_id, id);
CREATE INDEX notifications_unread ON notifications (user_id, thread_id) WHERE read_at IS NULL;
CREATE INDEX notifications_read ON notifications (read_at);

-- Cases

CREATE TABLE cases (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    state TEXT NOT NULL,
    severity TEXT NOT NULL,
    channel TEXT NOT NULL,
    summary TEXT NOT NULL,
    product_id INTEGER REFERENCES products (id),
    topic_id INTEGER REFERENCES topics (id),
    user_id INTEGER REFERENCES users (id),
    handle_id INTEGER REFERENCES handles (id),
    email TEXT,
    email_key TEXT,
    customer_name TEXT NOT NULL,
    customer_name_key TEXT NOT NULL,
    assignee_id INTEGER REFERENCES users (id),
    opened_at INTEGER NOT NULL,
    waiting_since INTEGER,
    first_response_at INTEGER,
    resolved_at INTEGER,
    closed_at INTEGER,
    reopened_count INTEGER NOT NULL DEFAULT 0,
    merged_into_id INTEGER,
    satisfaction TEXT,
    satisfaction_comment TEXT,
    satisfaction_at INTEGER,
    last_event_at INTEGER NOT NULL,
    version INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX cases_queue ON cases (state, severity, waiting_since, id);
CREATE INDEX cases_handle ON cases (handle_id, id);
CREATE INDEX cases_user ON cases (user_id, id);
CREATE INDEX cases_email ON cases (email_key, id);
CREATE INDEX cases_assignee ON cases (assignee_id, state);
CREATE INDEX cases_opened ON cases (opened_at);
CREATE INDEX cases_merged ON cases (merged_into_id, id);

CREATE TABLE case_events (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    case_id INTEGER NOT NULL REFERENCES cases (id),
    mention_id INTEGER,
    step TEXT NOT NULL,
    actor_kind TEXT NOT NULL,
    actor_id INTEGER,
    actor_name TEXT NOT NULL,
    summary TEXT NOT NULL,
    reasons TEXT NOT NULL,
    data TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX case_events_case ON case_events (case_id, id);

CREATE TABLE links (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    case_id INTEGER NOT NULL REFERENCES cases (id),
    target TEXT NOT NULL,
    thread_id INTEGER REFERENCES threads (id),
    other_case_id INTEGER REFERENCES cases (id),
    state TEXT NOT NULL,
    score DOUBLE NOT NULL,
    reasons TEXT NOT NULL,
    rule TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    decided_at INTEGER,
    decided_by INTEGER,
    told_at INTEGER,
    target_key TEXT NOT NULL,
    UNIQUE (case_id, target_key)
);
CREATE INDEX links_thread ON links (thread_id, state);
CREATE INDEX links_other ON links (other_case_id);

CREATE TABLE case_notes (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    case_id INTEGER NOT NULL REFERENCES cases (id),
    author_id INTEGER NOT NULL REFERENCES users (id),
    body TEXT NOT NULL,
    created_at INTEGER NOT NULL,
    request_key TEXT UNIQUE
);
CREATE INDEX case_notes_case ON case_notes (case_id, id);

-- Escalations

CREATE TABLE mentions (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    network TEXT NOT NULL,
    network_post_id TEXT NOT NULL,
    first_post_id TEXT NOT NULL,
    conversation_id TEXT NOT NULL,
    in_reply_to_post_id TEXT,
    in_reply_to_user_id TEXT,
    quoted_post_id TEXT,
    kind TEXT NOT NULL,
    ours BOOLEAN NOT NULL,
    summoned BOOLEAN NOT NULL,
    handle_id INTEGER REFERENCES handles (id),
    text TEXT NOT NULL,
    language TEXT,
    url TEXT,
    posted_at INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    intake_id INTEGER,
    raw TEXT NOT NULL,
    source TEXT NOT NULL,
    stage TEXT NOT NULL,
    case_id INTEGER REFERENCES cases (id),
    attempts INTEGER NOT NULL DEFAULT 0,
    retry_at INTEGER,
    error TEXT,
    deleted_at INTEGER,
    checked_at INTEGER NOT NULL,
    looked_at INTEGER,
    UNIQUE (network, first_post_id)
);
CREATE INDEX mentions_stage ON mentions (stage, id);
CREATE INDEX mentions_case ON mentions (case_id, id);
CREATE INDEX mentions_conversation ON mentions (network, conversation_id, id);
CREATE INDEX mentions_handle ON mentions (handle_id, id);
CREATE INDEX mentions_checked ON mentions (deleted_at, checked_at);
CREATE INDEX mentions_to_look_at ON mentions (id) WHERE case_id IS NULL AND looked_at IS NULL AND deleted_at IS NULL;
CREATE INDEX mentions_post ON mentions (network, network_post_id);

CREATE TABLE triages (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    mention_id INTEGER NOT NULL REFERENCES mentions (id),
    label TEXT NOT NULL,
    p_complaint DOUBLE NOT NULL,
    severity TEXT NOT NULL,
    product_id INTEGER REFERENCES products (id),
    topic_id INTEGER REFERENCES topics (id),
    language TEXT,
    needs_account BOOLEAN NOT NULL,
    personal_data TEXT NOT NULL,
    reasons TEXT NOT NULL,
    by_user_id INTEGER,
    created_at INTEGER NOT NULL
);
CREATE INDEX triages_mention ON triages (mention_id, id);
CREATE INDEX triages_corrections ON triages (id) WHERE by_user_id IS NOT NULL;

CREATE TABLE replies (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    case_id INTEGER NOT NULL REFERENCES cases (id),
    mention_id INTEGER NOT NULL REFERENCES mentions (id),
    purpose TEXT NOT NULL,
    body TEXT NOT NULL,
    has_link BOOLEAN NOT NULL,
    weighted_length INTEGER NOT NULL,
    cost_micros INTEGER NOT NULL,
    state TEXT NOT NULL,
    handoff BOOLEAN NOT NULL,
    automatic BOOLEAN NOT NULL,
    dedupe_key TEXT NOT NULL UNIQUE,
    drafted_by INTEGER,
    approved_by INTEGER,
    created_at INTEGER NOT NULL,
    approved_at INTEGER,
    approved_event INTEGER,
    sending_since INTEGER,
    sent_at INTEGER,
    target_post_id TEXT,
    network_post_id TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    version INTEGER NOT NULL DEFAULT 1
);
CREATE INDEX replies_case ON replies (case_id, id);
CREATE INDEX replies_state ON replies (state, id);
CREATE INDEX replies_mention ON replies (mention_id);
CREATE INDEX replies_post ON replies (network_post_id);
CREATE INDEX replies_approved ON replies (approved_at);

CREATE TABLE claims (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    case_id INTEGER NOT NULL REFERENCES cases (id),
    handle_id INTEGER NOT NULL REFERENCES handles (id),
    token_hash TEXT NOT NULL UNIQUE,
    code TEXT NOT NULL,
    state TEXT NOT NULL,
    proof TEXT,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL,
    proved_at INTEGER,
    completed_at INTEGER
);
CREATE INDEX claims_case ON claims (case_id);
CREATE INDEX claims_code ON claims (code);

CREATE TABLE network_state (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    network TEXT NOT NULL,
    name TEXT NOT NULL,
    value TEXT NOT NULL,
    updated_at INTEGER NOT NULL,
    UNIQUE (network, name)
);

CREATE TABLE network_spend (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    network TEXT NOT NULL,
    day TEXT NOT NULL,
    class TEXT NOT NULL,
    calls INTEGER NOT NULL,
    units INTEGER NOT NULL,
    cost_micros INTEGER NOT NULL,
    UNIQUE (network, day, class)
);

-- Tickets and mail

CREATE TABLE tickets (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    case_id INTEGER NOT NULL UNIQUE REFERENCES cases (id),
    subject TEXT NOT NULL,
    opened_by TEXT NOT NULL,
    created_at INTEGER NOT NULL
);

CREATE TABLE ticket_messages (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    direction TEXT NOT NULL,
    author_id INTEGER REFERENCES users (id),
    from_name TEXT NOT NULL,
    from_email TEXT,
    body TEXT NOT NULL,
    quoted TEXT NOT NULL,
    body_html TEXT,
    message_id TEXT,
    in_reply_to TEXT,
    intake_id INTEGER,
    mail_id INTEGER,
    created_at INTEGER NOT NULL,
    request_key TEXT UNIQUE
);
CREATE INDEX ticket_messages_ticket ON ticket_messages (ticket_id, id);
CREATE INDEX ticket_messages_mid ON ticket_messages (message_id);

CREATE TABLE attachments (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    ticket_message_id INTEGER NOT NULL REFERENCES ticket_messages (id),
    filename TEXT NOT NULL,
    content_type TEXT NOT NULL,
    byte_count INTEGER NOT NULL,
    storage_key TEXT NOT NULL,
    created_at INTEGER NOT NULL
);
CREATE INDEX attachments_message ON attachments (ticket_message_id);

CREATE TABLE reply_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    ticket_id INTEGER NOT NULL REFERENCES tickets (id),
    email_key TEXT NOT NULL,
    token_hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX reply_tokens_ticket ON reply_tokens (ticket_id);

CREATE TABLE mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    purpose TEXT NOT NULL,
    to_email TEXT NOT NULL,
    to_name TEXT NOT NULL,
    from_email TEXT NOT NULL,
    from_name TEXT NOT NULL,
    reply_to TEXT,
    subject TEXT NOT NULL,
    text TEXT NOT NULL,
    html TEXT NOT NULL,
    headers TEXT NOT NULL,
    message_id TEXT NOT NULL UNIQUE,
    in_reply_to TEXT,
    refs TEXT NOT NULL,
    user_id INTEGER REFERENCES users (id),
    case_id INTEGER REFERENCES cases (id),
    dedupe_key TEXT NOT NULL UNIQUE,
    state TEXT NOT NULL,
    attempts INTEGER NOT NULL DEFAULT 0,
    error TEXT,
    created_at INTEGER NOT NULL,
    sending_since INTEGER,
    sent_at INTEGER
);
CREATE INDEX mails_state ON mails (state, id);
CREATE INDEX mails_case ON mails (case_id, id);

CREATE TABLE inbound_mails (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    intake_id INTEGER NOT NULL UNIQUE REFERENCES intake (id),
    message_id TEXT NOT NULL,
    from_key TEXT NOT NULL,
    dedupe_key TEXT NOT NULL UNIQUE,
    decision TEXT NOT NULL,
    reason TEXT NOT NULL,
    ticket_id INTEGER REFERENCES tickets (id),
    created_at INTEGER NOT NULL
);
CREATE INDEX inbound_mails_from ON inbound_mails (from_key, created_at);

-- Engine

CREATE TABLE jobs (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind TEXT NOT NULL,
    payload TEXT NOT NULL,
    dedupe_key TEXT UNIQUE,
    state TEXT NOT NULL,
    run_at INTEGER NOT NULL,
    lease_until INTEGER,
    lease_owner TEXT,
    attempts INTEGER NOT NULL DEFAULT 0,
    last_error TEXT,
    created_at INTEGER NOT NULL,
    done_at INTEGER
);
CREATE INDEX jobs_ready ON jobs (state, run_at, id);

CREATE TABLE leases (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    owner TEXT NOT NULL,
    expires_at INTEGER NOT NULL
);

CREATE TABLE changes (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    subject_kind TEXT NOT NULL,
    subject_id INTEGER NOT NULL,
    at INTEGER NOT NULL
);
CREATE INDEX changes_subject ON changes (subject_kind, id);

CREATE TABLE settings (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    value TEXT NOT NULL,
    updated_at INTEGER NOT NULL
);
