CREATE TABLE courses (
    id                    INTEGER PRIMARY KEY,
    course_key            TEXT NOT NULL UNIQUE,
    name                  TEXT NOT NULL,
    partner_id            INTEGER REFERENCES partners (id),
    site_id               INTEGER REFERENCES sites (id),
    verification_deadline TIMESTAMP,
    created               TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    modified              TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
CREATE INDEX courses_partner ON courses (partner_id);
CREATE INDEX courses_site ON courses (site_id);

-- What can be bought: a way to take part in a course. Prices are in whole units of the currency.
CREATE TABLE seats (
    id        INTEGER PRIMARY KEY,
    course_id INTEGER NOT NULL REFERENCES courses (id) ON DELETE CASCADE,
    type      TEXT NOT NULL,
    sku       TEXT NOT NULL UNIQUE,
    price     BIGINT NOT NULL CHECK (price >= 0),
    currency  TEXT NOT NULL DEFAULT 'USD',
    expires   TIMESTAMP,
    UNIQUE (course_id, type)
);
