-- The index of lineage: a cache of records that lie elsewhere.
CREATE TABLE IF NOT EXISTS sources (number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, bytes INTEGER NOT NULL, mark TEXT NOT NULL);
CREATE TABLE IF NOT EXISTS records (
  seq INTEGER PRIMARY KEY, id TEXT NOT NULL UNIQUE, family INTEGER NOT NULL, status INTEGER NOT NULL, started INTEGER NOT NULL,
  ended INTEGER NOT NULL, document TEXT NOT NULL
);
CREATE INDEX IF NOT EXISTS records_by_family ON records (family, status, ended);
CREATE INDEX IF NOT EXISTS records_by_end ON records (ended);
-- Which sources have a record: it goes when none has it any more.
CREATE TABLE IF NOT EXISTS held (source INTEGER NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (source, seq)) WITHOUT ROWID;
CREATE INDEX IF NOT EXISTS held_by_record ON held (seq);
CREATE TABLE IF NOT EXISTS places (number INTEGER PRIMARY KEY, resource TEXT NOT NULL, path TEXT NOT NULL, UNIQUE (resource, path));
-- Roles: 0 input, 1 output of a completed execution, 2 code, 3 output of one that did not complete.
-- The moment is the end of outputs, the start of all others; looked is whether somebody looked who made an input.
CREATE TABLE IF NOT EXISTS refs (
  role INTEGER NOT NULL, place INTEGER NOT NULL, content TEXT NOT NULL, moment INTEGER NOT NULL, seq INTEGER NOT NULL,
  looked INTEGER NOT NULL, PRIMARY KEY (role, place, content, moment, seq)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS made_by (maker TEXT NOT NULL, seq INTEGER NOT NULL, PRIMARY KEY (maker, seq)) WITHOUT ROWID;
-- A family is a step with its output places. `latest` is its latest completed execution, `last` the latest of all.
CREATE TABLE IF NOT EXISTS families (
  number INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, step TEXT NOT NULL, latest INTEGER, last INTEGER NOT NULL
);
CREATE INDEX IF NOT EXISTS families_by_step ON families (step);
-- The references of the latest completed executions.
CREATE TABLE IF NOT EXISTS latest_refs (
  role INTEGER NOT NULL, place INTEGER NOT NULL, family INTEGER NOT NULL, PRIMARY KEY (role, place, family)
) WITHOUT ROWID;
CREATE TABLE IF NOT EXISTS forgotten (step TEXT PRIMARY KEY, ended INTEGER NOT NULL) WITHOUT ROWID;
