-- Where each consumer stands. Positions are texts that sort as the events do.
CREATE TABLE event_consumers (
    name     TEXT PRIMARY KEY,
    position TEXT NOT NULL
);

-- The events that have been taken, so that one that comes again changes nothing.
CREATE TABLE event_inbox (
    consumer TEXT NOT NULL,
    event_id TEXT NOT NULL,
    position TEXT NOT NULL,
    PRIMARY KEY (consumer, event_id)
);
CREATE INDEX event_inbox_position ON event_inbox (consumer, position);

-- The events that failed, those of the same key that wait behind them, and those that were given up: the dead letters.
CREATE TABLE event_waiting (
    id        BIGSERIAL PRIMARY KEY,
    consumer  TEXT NOT NULL,
    event_id  TEXT NOT NULL,
    event_key TEXT NOT NULL,
    position  TEXT NOT NULL,
    event     TEXT NOT NULL,
    attempts  INTEGER NOT NULL,
    -- Milliseconds since 1970.
    due       BIGINT NOT NULL,
    dead      BOOLEAN NOT NULL,
    error     TEXT NOT NULL
);
CREATE INDEX event_waiting_key ON event_waiting (consumer, event_key, id);
