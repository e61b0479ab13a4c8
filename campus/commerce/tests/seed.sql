INSERT INTO tokens (username, token, is_staff) VALUES ('staff', 'staff-token', TRUE), ('ada', 'ada-token', FALSE);
INSERT INTO sites (domain, name) VALUES ('shop.example.com', 'The shop');
INSERT INTO partners (code, name) VALUES ('edx', 'edX'), ('acme', 'Acme');
