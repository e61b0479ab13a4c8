-- Who asks is known by signed tokens of the learning management system.
DROP TABLE tokens;

-- What became of the last publication: none, queued, published, failed.
ALTER TABLE courses ADD COLUMN publication TEXT NOT NULL DEFAULT 'none';
ALTER TABLE courses ADD COLUMN published TIMESTAMP;
ALTER TABLE courses ADD COLUMN publication_error TEXT NOT NULL DEFAULT '';

-- What somebody has bought, as it was sold then: prices change, and seats go.
--
-- open: waits for the payment; paid: the enrolment is under way; complete: enrolled; failed: the enrolment was refused;
-- cancelled: before the payment; refunded: given back, and enrolled no more.
CREATE TABLE orders (
    id                INTEGER PRIMARY KEY,
    number            TEXT NOT NULL UNIQUE,
    username          TEXT NOT NULL,
    course_key        TEXT NOT NULL,
    seat_type         TEXT NOT NULL,
    sku               TEXT NOT NULL,
    price             BIGINT NOT NULL,
    currency          TEXT NOT NULL,
    status            TEXT NOT NULL CHECK (status IN ('open', 'paid', 'complete', 'failed', 'cancelled', 'refunded')),
    -- Why the enrolment was refused.
    error             TEXT NOT NULL DEFAULT '',
    payment_processor TEXT NOT NULL DEFAULT '',
    payment_reference TEXT NOT NULL DEFAULT '',
    created           TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP,
    modified          TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);
-- Nobody has the same seat twice: ordered again, the order is the one that is there.
CREATE UNIQUE INDEX orders_once ON orders (username, sku) WHERE status IN ('open', 'paid', 'complete', 'failed');
CREATE INDEX orders_user ON orders (username, id);
-- A payment is for one order.
CREATE UNIQUE INDEX orders_payment ON orders (payment_processor, payment_reference) WHERE payment_reference <> '';
