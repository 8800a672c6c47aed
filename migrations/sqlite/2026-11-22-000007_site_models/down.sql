DROP TABLE site_models;
DROP TABLE case_candidates;
UPDATE products SET link_threshold = 0.8, propose_threshold = 0.25
    WHERE link_threshold = 0.55 AND propose_threshold = 0.12;
