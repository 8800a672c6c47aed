-- The ledger of deflections: a row for each form that showed threads like what was being written.

CREATE TABLE deflections (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    key TEXT NOT NULL UNIQUE,
    place TEXT NOT NULL,
    product_id INTEGER REFERENCES products (id),
    user_id INTEGER REFERENCES users (id),
    shown_at INTEGER NOT NULL,
    thread_id INTEGER REFERENCES threads (id),
    opened_at INTEGER,
    solved_at INTEGER,
    written_at INTEGER,
    taken_back_at INTEGER,
    case_id INTEGER REFERENCES cases (id)
);
CREATE INDEX deflections_shown ON deflections (shown_at);
CREATE INDEX deflections_credit ON deflections (shown_at, id)
    WHERE user_id IS NOT NULL AND written_at IS NULL AND taken_back_at IS NULL;
