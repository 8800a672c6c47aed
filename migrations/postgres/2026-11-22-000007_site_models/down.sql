DROP TABLE site_models;
DROP TABLE case_candidates;
DROP TABLE case_numbers;
UPDATE products SET link_threshold = 0.8, propose_threshold = 0.25
    WHERE link_threshold = 0.55 AND propose_threshold = 0.12 AND EXISTS (
        SELECT 1 FROM audit_log
        WHERE subject_kind = 'product' AND subject_id = products.id AND act = 'thresholds_moved'
    );
DELETE FROM audit_log WHERE act = 'thresholds_moved';
