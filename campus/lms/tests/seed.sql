INSERT INTO users (username, email, is_staff, is_active) VALUES
    ('staff', 'staff@example.com', TRUE, TRUE),
    ('ada', 'ada@example.com', FALSE, TRUE),
    ('bob', 'bob@example.com', FALSE, TRUE),
    ('gone', 'gone@example.com', FALSE, FALSE);
-- The password of ada is "ada's own password", hashed with few rounds so that tests are quick; the others have none.
UPDATE users SET password = 'pbkdf2_sha256$10$salt$vbF9sd9oS0o+058FBNArNe0tPgTgdt5EHPobvIlqRWg=', name = 'Ada King Lovelace' WHERE username = 'ada';
UPDATE users SET anonymous_id = 'anonymous-ada' WHERE username = 'ada';
INSERT INTO roles (user_id, role, context) SELECT id, 'author', 'course-v1:edX+DemoX+2025' FROM users WHERE username = 'ada';
INSERT INTO roles (user_id, role) SELECT id, 'reader' FROM users WHERE username = 'ada';
-- The secret of each is "its secret".
INSERT INTO clients (client_id, secret, user_id, grant_types) SELECT 'service', 'hmac_sha256$salt$rw2kHt/04ndH8ta7mB55l3sC5kPBbq5GMarxguIcJpg=', id, 'client_credentials' FROM users WHERE username = 'staff';
INSERT INTO clients (client_id, secret, user_id, grant_types) SELECT 'of-gone', 'hmac_sha256$salt$rw2kHt/04ndH8ta7mB55l3sC5kPBbq5GMarxguIcJpg=', id, 'client_credentials' FROM users WHERE username = 'gone';
INSERT INTO clients (client_id, secret, grant_types, scopes, restricted) VALUES ('app', 'hmac_sha256$salt$rw2kHt/04ndH8ta7mB55l3sC5kPBbq5GMarxguIcJpg=', 'client_credentials password refresh_token', 'read email', TRUE);
INSERT INTO clients (client_id, secret, grant_types) VALUES ('public', NULL, 'password client_credentials');
INSERT INTO clients (client_id, secret, grant_types, is_active) VALUES ('ended', 'hmac_sha256$salt$rw2kHt/04ndH8ta7mB55l3sC5kPBbq5GMarxguIcJpg=', 'client_credentials', FALSE);
INSERT INTO organizations (short_name, name, active) VALUES ('edX', 'edX Inc.', TRUE), ('old', 'Old', FALSE), ('Uni', 'A University', TRUE);
INSERT INTO courses (course_key, organization_id, number, name, hidden, invitation_only, start_date)
    SELECT 'course-v1:edX+DemoX+2025', id, 'DemoX', 'Demonstration', FALSE, FALSE, '2025-02-03T00:00:00Z' FROM organizations WHERE short_name = 'edX';
INSERT INTO courses (course_key, organization_id, number, name, hidden, invitation_only)
    SELECT 'edX/Old/2012', id, 'Old', '100% old', FALSE, FALSE FROM organizations WHERE short_name = 'edX';
INSERT INTO courses (course_key, organization_id, number, name, hidden, invitation_only)
    SELECT 'course-v1:Uni+Secret+1', id, 'Secret', 'Secret', TRUE, TRUE FROM organizations WHERE short_name = 'Uni';
INSERT INTO course_modes (course_id, slug, display_name, min_price, sku, expiration_datetime)
    SELECT id, 'audit', 'Audit', 0, NULL, NULL FROM courses WHERE number = 'DemoX';
INSERT INTO course_modes (course_id, slug, display_name, min_price, sku, expiration_datetime)
    SELECT id, 'verified', 'Verified', 149, 'ABC', NULL FROM courses WHERE number = 'DemoX';
INSERT INTO course_modes (course_id, slug, display_name, min_price, sku, expiration_datetime)
    SELECT id, 'honor', 'Honor', 0, NULL, '2020-01-01T00:00:00Z' FROM courses WHERE number = 'DemoX';
