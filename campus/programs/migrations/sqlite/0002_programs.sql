-- At most one organisation offers a program. `version` counts the changes of its courses; `author` and `version_author`
-- are names of users of the learning management system. An empty site is the main one.
CREATE TABLE programs (
    id              INTEGER PRIMARY KEY,
    uuid            TEXT NOT NULL UNIQUE,
    slug            TEXT NOT NULL UNIQUE,
    name            TEXT NOT NULL UNIQUE,
    subtitle        TEXT NOT NULL DEFAULT '',
    category        TEXT NOT NULL CHECK (category IN ('XSeries', 'MicroMasters')),
    status          TEXT NOT NULL DEFAULT 'unpublished'
                    CHECK (status IN ('unpublished', 'active', 'retired', 'deleted')),
    marketing_slug  TEXT NOT NULL DEFAULT '',
    site            TEXT NOT NULL DEFAULT '',
    banner_image    TEXT,
    organization_id INTEGER REFERENCES organizations (id),
    author          TEXT NOT NULL DEFAULT '',
    version         INTEGER NOT NULL DEFAULT 1 CHECK (version >= 1),
    version_author  TEXT NOT NULL DEFAULT '',
    version_created TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    created         TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    modified        TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    CONSTRAINT active_xseries_have_a_marketing_slug
        CHECK (NOT (category = 'XSeries' AND status = 'active' AND marketing_slug = ''))
);
CREATE INDEX programs_organization ON programs (organization_id);

-- What a program has that says nothing of its own: one row. Without a banner it is the one that the service draws.
CREATE TABLE program_defaults (
    id           INTEGER PRIMARY KEY CHECK (id = 1),
    banner_image TEXT
);
INSERT INTO program_defaults (id) VALUES (1);

-- Banners, scaled to each width, by the digest of what was uploaded.
CREATE TABLE banner_images (
    digest  TEXT NOT NULL,
    width   INTEGER NOT NULL,
    content BLOB NOT NULL,
    PRIMARY KEY (digest, width)
);

CREATE TABLE program_course_codes (
    id             INTEGER PRIMARY KEY,
    program_id     INTEGER NOT NULL REFERENCES programs (id) ON DELETE CASCADE,
    course_code_id INTEGER NOT NULL REFERENCES course_codes (id),
    position       INTEGER NOT NULL,
    UNIQUE (program_id, position),
    UNIQUE (program_id, course_code_id)
);
CREATE INDEX program_course_codes_course_code ON program_course_codes (course_code_id);

-- The runs and modes of a course code that count for a program. The course code may become one of the program's later
-- in the same transaction.
CREATE TABLE run_modes (
    id             INTEGER PRIMARY KEY,
    program_id     INTEGER NOT NULL REFERENCES programs (id) ON DELETE CASCADE,
    course_code_id INTEGER NOT NULL REFERENCES course_codes (id),
    course_key     TEXT NOT NULL,
    mode_slug      TEXT NOT NULL,
    sku            TEXT NOT NULL DEFAULT '',
    start_date     TIMESTAMP NOT NULL,
    lms_url        TEXT NOT NULL DEFAULT '',
    UNIQUE (program_id, course_code_id, course_key, mode_slug, sku),
    FOREIGN KEY (program_id, course_code_id) REFERENCES program_course_codes (program_id, course_code_id)
        ON DELETE CASCADE DEFERRABLE INITIALLY DEFERRED
);
CREATE INDEX run_modes_course_code ON run_modes (course_code_id);
CREATE INDEX run_modes_course_key ON run_modes (course_key, mode_slug);
