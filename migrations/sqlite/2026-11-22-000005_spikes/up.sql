-- Spikes: many people who write of the same problem at once, proposed to staff as one known issue;
-- and what the quality page counts by week.

CREATE TABLE spikes (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    state TEXT NOT NULL,
    product_id INTEGER REFERENCES products (id),
    words TEXT NOT NULL,
    span INTEGER NOT NULL,
    author_count INTEGER NOT NULL,
    expected DOUBLE NOT NULL,
    ln_chance DOUBLE NOT NULL,
    thread_id INTEGER REFERENCES threads (id),
    created_at INTEGER NOT NULL,
    last_at INTEGER NOT NULL,
    looked_to INTEGER NOT NULL,
    decided_at INTEGER,
    decided_by INTEGER REFERENCES users (id),
    reason TEXT NOT NULL DEFAULT ''
);
CREATE INDEX spikes_state ON spikes (state, last_at);

CREATE TABLE spike_members (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    spike_id INTEGER NOT NULL REFERENCES spikes (id),
    case_id INTEGER NOT NULL REFERENCES cases (id),
    state TEXT NOT NULL,
    added_at INTEGER NOT NULL,
    UNIQUE (spike_id, case_id)
);
CREATE INDEX spike_members_case ON spike_members (case_id);
CREATE INDEX spike_members_state ON spike_members (spike_id, state, id);

CREATE INDEX spikes_created ON spikes (created_at);
CREATE INDEX links_created ON links (created_at);
CREATE INDEX triages_created ON triages (created_at);
