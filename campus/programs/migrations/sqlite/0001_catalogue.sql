-- What this service needs of the organisations; the learning management system is their source.
CREATE TABLE organizations (
    id           INTEGER PRIMARY KEY,
    key          TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    created      TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    modified     TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- A course apart from its runs.
CREATE TABLE course_codes (
    id              INTEGER PRIMARY KEY,
    organization_id INTEGER NOT NULL REFERENCES organizations (id),
    key             TEXT NOT NULL,
    display_name    TEXT NOT NULL,
    UNIQUE (organization_id, key)
);

-- Copies of the runs of courses that the learning management system has. One that it has no longer is withdrawn, not
-- deleted: programs may still name it.
CREATE TABLE course_runs (
    id               INTEGER PRIMARY KEY,
    course_key       TEXT NOT NULL UNIQUE,
    organization_id  INTEGER NOT NULL REFERENCES organizations (id),
    number           TEXT NOT NULL,
    name             TEXT NOT NULL,
    start_date       TIMESTAMP,
    end_date         TIMESTAMP,
    enrollment_start TIMESTAMP,
    enrollment_end   TIMESTAMP,
    withdrawn        BOOLEAN NOT NULL DEFAULT FALSE,
    modified         TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX course_runs_course ON course_runs (organization_id, number);
