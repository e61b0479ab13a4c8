-- Who may call this service. The names are those of the users of the learning management system.
CREATE TABLE tokens (
    id            INTEGER PRIMARY KEY,
    username      TEXT NOT NULL UNIQUE,
    token         TEXT NOT NULL UNIQUE,
    administrator BOOLEAN NOT NULL DEFAULT FALSE,
    created       TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

-- What this service needs of the organisations; the learning management system is their source.
CREATE TABLE organizations (
    id           INTEGER PRIMARY KEY,
    key          TEXT NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    created      TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    modified     TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
