-- What toggles were set to: rows are added and never changed, and the newest of each toggle and scope holds.
CREATE TABLE toggle_changes (
    id          INTEGER PRIMARY KEY AUTOINCREMENT,
    name        TEXT NOT NULL,
    -- everyone, user, course, organization or site; which one.
    scope       TEXT NOT NULL,
    scope_key   TEXT NOT NULL,
    -- JSON; null where the setting was taken back, so that the next wider scope holds.
    value       TEXT,
    note        TEXT NOT NULL,
    changed_by  TEXT NOT NULL,
    change_date TIMESTAMP NOT NULL
);
CREATE INDEX toggle_changes_newest ON toggle_changes (name, scope, scope_key, id);
