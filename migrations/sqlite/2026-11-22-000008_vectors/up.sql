-- Where a sentence model says each public thread points, one row a thread and model: derived, and made anew from
-- the threads. A thread that is public no more keeps its row without vectors, by which other nodes hear.

CREATE TABLE thread_vectors (
    id INTEGER PRIMARY KEY AUTOINCREMENT NOT NULL,
    model TEXT NOT NULL,
    thread_id INTEGER NOT NULL REFERENCES threads (id),
    digest TEXT NOT NULL,
    vectors BLOB NOT NULL,
    place INTEGER NOT NULL,
    UNIQUE (model, thread_id)
);
CREATE INDEX thread_vectors_place ON thread_vectors (model, place);

-- How far each model has read.
CREATE TABLE vector_progress (
    model TEXT PRIMARY KEY NOT NULL,
    thread_id INTEGER,
    change_id INTEGER NOT NULL
);
