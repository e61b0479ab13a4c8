-- `mode` is a word, not a reference: a mode may be replaced or withdrawn while its learners stay.
CREATE TABLE enrollments (
    id        INTEGER PRIMARY KEY,
    user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    course_id INTEGER NOT NULL REFERENCES courses (id) ON DELETE CASCADE,
    mode      TEXT NOT NULL DEFAULT 'audit',
    is_active BOOLEAN NOT NULL DEFAULT TRUE,
    created   TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (user_id, course_id)
);
CREATE INDEX enrollments_course ON enrollments (course_id);

CREATE TABLE enrollment_attributes (
    id            INTEGER PRIMARY KEY,
    enrollment_id INTEGER NOT NULL REFERENCES enrollments (id) ON DELETE CASCADE,
    namespace     TEXT NOT NULL,
    name          TEXT NOT NULL,
    value         TEXT NOT NULL,
    UNIQUE (enrollment_id, namespace, name)
);
