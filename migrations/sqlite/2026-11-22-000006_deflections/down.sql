DROP TABLE deflections;
