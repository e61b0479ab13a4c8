CREATE TABLE organizations (
    id          INTEGER PRIMARY KEY,
    short_name  TEXT NOT NULL UNIQUE,
    name        TEXT NOT NULL,
    description TEXT NOT NULL DEFAULT '',
    logo        TEXT,
    active      BOOLEAN NOT NULL DEFAULT TRUE,
    created     TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    modified    TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE courses (
    id                    INTEGER PRIMARY KEY,
    course_key            TEXT NOT NULL UNIQUE,
    organization_id       INTEGER NOT NULL REFERENCES organizations (id),
    number                TEXT NOT NULL,
    name                  TEXT NOT NULL,
    short_description     TEXT NOT NULL DEFAULT '',
    effort                TEXT,
    image                 TEXT,
    start_date            TIMESTAMP,
    end_date              TIMESTAMP,
    enrollment_start      TIMESTAMP,
    enrollment_end        TIMESTAMP,
    verification_deadline TIMESTAMP,
    self_paced            BOOLEAN NOT NULL DEFAULT FALSE,
    hidden                BOOLEAN NOT NULL DEFAULT FALSE,
    invitation_only       BOOLEAN NOT NULL DEFAULT FALSE,
    mobile_available      BOOLEAN NOT NULL DEFAULT FALSE,
    created               TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    modified              TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX courses_organization ON courses (organization_id);

-- The ways to take part in a course. Prices are in whole units of the currency.
CREATE TABLE course_modes (
    id                  INTEGER PRIMARY KEY,
    course_id           INTEGER NOT NULL REFERENCES courses (id) ON DELETE CASCADE,
    slug                TEXT NOT NULL,
    display_name        TEXT NOT NULL,
    min_price           BIGINT NOT NULL DEFAULT 0,
    suggested_prices    TEXT NOT NULL DEFAULT '',
    currency            TEXT NOT NULL DEFAULT 'usd',
    expiration_datetime TIMESTAMP,
    description         TEXT,
    sku                 TEXT,
    bulk_sku            TEXT,
    UNIQUE (course_id, slug)
);
