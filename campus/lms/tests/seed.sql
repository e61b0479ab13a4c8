INSERT INTO users (username, email, is_staff, is_active) VALUES
    ('staff', 'staff@example.com', TRUE, TRUE),
    ('ada', 'ada@example.com', FALSE, TRUE),
    ('bob', 'bob@example.com', FALSE, TRUE),
    ('gone', 'gone@example.com', FALSE, FALSE);
INSERT INTO tokens (user_id, token) SELECT id, username || '-token' FROM users;
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
