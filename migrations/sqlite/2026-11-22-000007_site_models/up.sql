-- What the ranker measured for a case, the models that were learned from what staff did, and the
-- thresholds of products that still have those of an older scale.

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
    comparison TEXT NOT NULL,
    trained_at INTEGER NOT NULL,
    changed_at INTEGER NOT NULL,
    changed_by INTEGER REFERENCES users (id)
);
CREATE INDEX site_models_kind ON site_models (kind, id);
CREATE UNIQUE INDEX site_models_in_use ON site_models (kind) WHERE state = 'in_use';

UPDATE products SET link_threshold = 0.55, propose_threshold = 0.12
    WHERE link_threshold = 0.8 AND propose_threshold = 0.25;
