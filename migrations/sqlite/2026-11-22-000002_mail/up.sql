-- Email: mailboxes that are watched, calls of providers, addresses that bounce, answers to notices
-- of the forum, tests of how our mail arrives.

CREATE TABLE mailboxes (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    name TEXT NOT NULL UNIQUE,
    uid_validity INTEGER,
    last_uid INTEGER NOT NULL DEFAULT 0,
    state TEXT NOT NULL,
    error TEXT,
    failed_at INTEGER,
    ok_at INTEGER,
    mail_at INTEGER
);

CREATE TABLE hook_calls (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    provider TEXT NOT NULL,
    key TEXT NOT NULL,
    received_at INTEGER NOT NULL,
    UNIQUE (provider, key)
);
CREATE INDEX hook_calls_received ON hook_calls (received_at);

CREATE TABLE mail_addresses (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    email_key TEXT NOT NULL UNIQUE,
    email TEXT NOT NULL,
    score INTEGER NOT NULL DEFAULT 0,
    bounced_at INTEGER,
    held_at INTEGER,
    reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX mail_addresses_held ON mail_addresses (id) WHERE held_at IS NOT NULL;

CREATE TABLE thread_reply_tokens (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    thread_id INTEGER NOT NULL REFERENCES threads (id),
    user_id INTEGER NOT NULL REFERENCES users (id),
    token_hash TEXT NOT NULL UNIQUE,
    created_at INTEGER NOT NULL,
    expires_at INTEGER NOT NULL
);
CREATE INDEX thread_reply_tokens_user ON thread_reply_tokens (user_id, thread_id);
CREATE INDEX thread_reply_tokens_expires ON thread_reply_tokens (expires_at);

CREATE TABLE mail_tests (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    mail_id INTEGER NOT NULL REFERENCES mails (id),
    to_email TEXT NOT NULL,
    user_id INTEGER NOT NULL REFERENCES users (id),
    created_at INTEGER NOT NULL,
    arrived_at INTEGER,
    spf TEXT,
    dkim TEXT,
    dmarc TEXT
);

ALTER TABLE mails ADD COLUMN bounced_at INTEGER;
CREATE INDEX mails_to ON mails (to_email, sent_at);
ALTER TABLE products ADD COLUMN mail_address TEXT;
ALTER TABLE products ADD COLUMN mail_address_key TEXT;
CREATE UNIQUE INDEX products_mail_address ON products (mail_address_key);
ALTER TABLE attachments ADD COLUMN shown TEXT NOT NULL DEFAULT 'file';
CREATE INDEX attachments_storage ON attachments (storage_key);
