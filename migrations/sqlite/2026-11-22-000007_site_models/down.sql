DROP TABLE site_models;
DROP TABLE case_candidates;
DROP TABLE case_numbers;
