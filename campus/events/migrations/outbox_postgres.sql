-- What this service has to say to others. Written in the transaction of the change that it tells of.
CREATE TABLE outbox_events (
    id           BIGSERIAL PRIMARY KEY,
    -- Given after the commit, by one reader at a time: a row with a lower id may be committed later than its neighbour,
    -- and whoever has read up to the neighbour would never see it.
    position     BIGINT UNIQUE,
    event_id     TEXT NOT NULL UNIQUE,
    event_type   TEXT NOT NULL,
    event_key    TEXT NOT NULL,
    minorversion INTEGER NOT NULL,
    source       TEXT NOT NULL,
    sourcehost   TEXT NOT NULL,
    sourcelib    TEXT NOT NULL,
    time         TIMESTAMPTZ NOT NULL,
    data         TEXT NOT NULL
);
CREATE INDEX outbox_events_new ON outbox_events (id) WHERE position IS NULL;
CREATE INDEX outbox_events_time ON outbox_events (time);
CREATE SEQUENCE outbox_positions OWNED BY outbox_events.position;

-- One row: up to which position events have been removed.
CREATE TABLE outbox_state (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    pruned BIGINT NOT NULL
);
INSERT INTO outbox_state (id, pruned) VALUES (1, 0);

-- How far each broker has been given the events.
CREATE TABLE outbox_relays (
    name     TEXT PRIMARY KEY,
    position BIGINT NOT NULL
);
