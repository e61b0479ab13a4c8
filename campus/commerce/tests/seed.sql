INSERT INTO sites (domain, name) VALUES ('shop.example.com', 'The shop');
INSERT INTO partners (code, name) VALUES ('edx', 'edX'), ('acme', 'Acme');
