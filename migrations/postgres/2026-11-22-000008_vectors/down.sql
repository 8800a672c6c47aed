DROP TABLE vector_progress;
DROP TABLE thread_vectors;
