-- What the ranker measured for a case, the models that were learned from what staff did, the numbers
-- of orders that a case names, and the thresholds of products whose settings nobody has saved.

CREATE TABLE case_candidates (
    case_id INTEGER PRIMARY KEY NOT NULL REFERENCES cases (id),
    measured TEXT NOT NULL,
    measured_at INTEGER NOT NULL
);
CREATE INDEX case_candidates_measured ON case_candidates (measured_at);

CREATE TABLE site_models (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    kind TEXT NOT NULL,
    state TEXT NOT NULL,
    weights BLOB NOT NULL,
    examples INTEGER NOT NULL,
    digest TEXT NOT NULL,
    base TEXT NOT NULL,
    comparison TEXT NOT NULL,
    trained_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by INTEGER REFERENCES users (id)
);
CREATE INDEX site_models_kind ON site_models (kind, id);
CREATE UNIQUE INDEX site_models_in_use ON site_models (kind) WHERE state = 'in_use';

CREATE TABLE case_numbers (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    case_id INTEGER NOT NULL REFERENCES cases (id),
    number_key TEXT NOT NULL,
    UNIQUE (number_key, case_id)
);
CREATE INDEX case_numbers_case ON case_numbers (case_id);

INSERT INTO audit_log
    (at, actor_kind, actor_id, actor_name, act, subject_kind, subject_id, reason, data)
    SELECT COALESCE((SELECT MAX(at) FROM audit_log), created_at), 'rule', NULL, 'upgrade', 'thresholds_moved', 'product', id,
        'threads are ranked on another scale: links from 0.55, proposes from 0.12', '{}'
    FROM products WHERE link_threshold = 0.8 AND propose_threshold = 0.25
    AND NOT EXISTS (
        SELECT 1 FROM audit_log
        WHERE subject_kind = 'product' AND subject_id = products.id AND act = 'product_changed'
    );
UPDATE products SET link_threshold = 0.55, propose_threshold = 0.12
    WHERE link_threshold = 0.8 AND propose_threshold = 0.25
    AND NOT EXISTS (
        SELECT 1 FROM audit_log
        WHERE subject_kind = 'product' AND subject_id = products.id AND act = 'product_changed'
    );
