-- Who may call this service. The names are those of the users of the learning management system.
CREATE TABLE tokens (
    id       INTEGER PRIMARY KEY,
    username TEXT NOT NULL UNIQUE,
    token    TEXT NOT NULL UNIQUE,
    is_staff BOOLEAN NOT NULL DEFAULT FALSE,
    created  TIMESTAMP NOT NULL DEFAULT CURRENT_TIMESTAMP
);

CREATE TABLE sites (
    id     INTEGER PRIMARY KEY,
    domain TEXT NOT NULL UNIQUE,
    name   TEXT NOT NULL
);

CREATE TABLE partners (
    id   INTEGER PRIMARY KEY,
    code TEXT NOT NULL UNIQUE,
    name TEXT NOT NULL
);

-- How a site looks and whom it talks to: one for each site.
CREATE TABLE site_configurations (
    id                                   INTEGER PRIMARY KEY,
    site_id                              INTEGER NOT NULL UNIQUE REFERENCES sites (id) ON DELETE CASCADE,
    partner_id                           INTEGER NOT NULL REFERENCES partners (id),
    lms_root_url                         TEXT NOT NULL DEFAULT '',
    lms_public_root_url                  TEXT NOT NULL DEFAULT '',
    sso_client_id                        TEXT NOT NULL DEFAULT '',
    sso_client_secret                    TEXT NOT NULL DEFAULT '',
    backend_client_id                    TEXT NOT NULL DEFAULT '',
    backend_client_secret                TEXT NOT NULL DEFAULT '',
    from_email                           TEXT NOT NULL DEFAULT '',
    discovery_api_url                    TEXT NOT NULL DEFAULT '',
    enable_microfrontend_for_basket_page BOOLEAN NOT NULL DEFAULT FALSE,
    payment_microfrontend_url            TEXT NOT NULL DEFAULT '',
    payment_processors                   TEXT NOT NULL DEFAULT '',
    client_side_payment_processor        TEXT NOT NULL DEFAULT ''
);
CREATE INDEX site_configurations_partner ON site_configurations (partner_id);
