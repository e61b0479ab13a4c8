-- Pointers to users of the learning management system, with the roles that their newest token gave them.
CREATE TABLE users (
    id               INTEGER PRIMARY KEY,
    username         TEXT NOT NULL UNIQUE,
    is_administrator BOOLEAN NOT NULL DEFAULT FALSE,
    is_author        BOOLEAN NOT NULL DEFAULT FALSE,
    created          TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    modified         TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- Versions that were replaced, with their course codes as the interface shows them (JSON). The newest version of a
-- program is the program itself.
CREATE TABLE program_versions (
    id           INTEGER PRIMARY KEY,
    program_id   INTEGER NOT NULL REFERENCES programs (id) ON DELETE CASCADE,
    number       INTEGER NOT NULL,
    course_codes TEXT NOT NULL,
    author       TEXT NOT NULL,
    created      TIMESTAMP NOT NULL,
    UNIQUE (program_id, number)
);

-- With which version of a program a learner started.
CREATE TABLE learners (
    id         INTEGER PRIMARY KEY,
    program_id INTEGER NOT NULL REFERENCES programs (id) ON DELETE CASCADE,
    username   TEXT NOT NULL,
    version    INTEGER NOT NULL,
    started    TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    UNIQUE (username, program_id)
);
CREATE INDEX learners_program ON learners (program_id);

-- Who changed what: added to, never changed. `changes` is JSON: what each field was and became.
CREATE TABLE history (
    id       INTEGER PRIMARY KEY,
    subject  TEXT NOT NULL CHECK (subject IN ('program', 'organization', 'program_default')),
    key      TEXT NOT NULL,
    action   TEXT NOT NULL,
    username TEXT NOT NULL,
    changes  TEXT NOT NULL,
    created  TIMESTAMP NOT NULL
);
CREATE INDEX history_subject ON history (subject, key);
