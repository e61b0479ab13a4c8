-- A hash of the password, in the form ALGORITHM$…; NULL for who does not sign in with one.
ALTER TABLE users ADD COLUMN password TEXT;
ALTER TABLE users ADD COLUMN is_superuser BOOLEAN NOT NULL DEFAULT FALSE;
-- What tokens call the user by, so that nobody learns from it who it is. Made when it is first needed.
ALTER TABLE users ADD COLUMN anonymous_id TEXT;
ALTER TABLE users ADD COLUMN bio TEXT;
ALTER TABLE users ADD COLUMN country TEXT;
ALTER TABLE users ADD COLUMN level_of_education TEXT;
ALTER TABLE users ADD COLUMN goals TEXT;
ALTER TABLE users ADD COLUMN year_of_birth BIGINT;
CREATE UNIQUE INDEX users_anonymous_id ON users (anonymous_id);

-- What somebody may do, perhaps only in a context such as a course.
CREATE TABLE roles (
    id      INTEGER PRIMARY KEY,
    user_id INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role    TEXT NOT NULL,
    context TEXT NOT NULL DEFAULT '',
    UNIQUE (user_id, role, context)
);

-- Programs that get tokens. One without a secret is public and gets them with a user's password alone.
CREATE TABLE clients (
    id          INTEGER PRIMARY KEY,
    client_id   TEXT NOT NULL UNIQUE,
    secret      TEXT,
    name        TEXT NOT NULL DEFAULT '',
    -- As whom it acts with its own credentials; NULL if it cannot.
    user_id     INTEGER REFERENCES users (id) ON DELETE CASCADE,
    -- Words with spaces between them.
    grant_types TEXT NOT NULL DEFAULT 'client_credentials',
    scopes      TEXT NOT NULL DEFAULT 'read write profile email user_id',
    restricted  BOOLEAN NOT NULL DEFAULT FALSE,
    is_active   BOOLEAN NOT NULL DEFAULT TRUE,
    created     TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- Each is used once and replaced by the next of its family. One that comes twice was stolen, and ends the family.
CREATE TABLE refresh_tokens (
    id        INTEGER PRIMARY KEY,
    digest    TEXT NOT NULL UNIQUE,
    family    TEXT NOT NULL,
    client_id INTEGER NOT NULL REFERENCES clients (id) ON DELETE CASCADE,
    user_id   INTEGER NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    scopes    TEXT NOT NULL,
    expires   TIMESTAMP NOT NULL,
    used      BOOLEAN NOT NULL DEFAULT FALSE
);
CREATE INDEX refresh_tokens_family ON refresh_tokens (family);
CREATE INDEX refresh_tokens_user ON refresh_tokens (user_id);
