-- What a course is made of: the course itself, sections, subsections, units. Each has a key that is unique in its course.
CREATE TABLE entities (
    id        INTEGER PRIMARY KEY,
    course_id INTEGER NOT NULL REFERENCES courses (id) ON DELETE CASCADE,
    key       TEXT NOT NULL,
    kind      TEXT NOT NULL CHECK (kind IN ('course', 'section', 'subsection', 'unit')),
    -- The numbers of the versions that authors and learners see; NULL where there is none, or none any more.
    draft     BIGINT,
    published BIGINT,
    UNIQUE (course_id, key)
);

-- Versions are added and never changed.
CREATE TABLE entity_versions (
    id         INTEGER PRIMARY KEY,
    entity_id  INTEGER NOT NULL REFERENCES entities (id) ON DELETE CASCADE,
    number     BIGINT NOT NULL,
    title      TEXT NOT NULL,
    -- JSON: what a unit shows; the keys below this one in their order; which groups of which partitions see it.
    content    TEXT NOT NULL DEFAULT 'null',
    children   TEXT NOT NULL DEFAULT '[]',
    groups     TEXT NOT NULL DEFAULT '{}',
    staff_only BOOLEAN NOT NULL DEFAULT FALSE,
    created    TIMESTAMP NOT NULL,
    created_by TEXT NOT NULL,
    UNIQUE (entity_id, number)
);

CREATE TABLE publications (
    id           INTEGER PRIMARY KEY,
    course_id    INTEGER NOT NULL REFERENCES courses (id) ON DELETE CASCADE,
    published    TIMESTAMP NOT NULL,
    published_by TEXT NOT NULL,
    message      TEXT NOT NULL DEFAULT '',
    -- JSON: the keys, with the numbers before and after.
    changes      TEXT NOT NULL
);
CREATE INDEX publications_course ON publications (course_id);

-- When something begins or is due: at a moment, or so long after the learner's own start.
CREATE TABLE content_dates (
    id               INTEGER PRIMARY KEY,
    course_id        INTEGER NOT NULL REFERENCES courses (id) ON DELETE CASCADE,
    key              TEXT NOT NULL,
    field            TEXT NOT NULL CHECK (field IN ('start', 'due')),
    absolute         TIMESTAMP,
    relative_seconds BIGINT,
    UNIQUE (course_id, key, field),
    CHECK ((absolute IS NULL) <> (relative_seconds IS NULL))
);

-- Learners in groups, by a rule.
CREATE TABLE partitions (
    id        INTEGER PRIMARY KEY,
    course_id INTEGER NOT NULL REFERENCES courses (id) ON DELETE CASCADE,
    name      TEXT NOT NULL,
    scheme    TEXT NOT NULL CHECK (scheme IN ('hash', 'mode')),
    -- JSON: names and weights.
    groups    TEXT NOT NULL,
    UNIQUE (course_id, name)
);
