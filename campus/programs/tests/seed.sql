INSERT INTO tokens (username, token, administrator) VALUES ('admin', 'admin-token', TRUE), ('ada', 'ada-token', FALSE);
INSERT INTO organizations (key, display_name) VALUES ('edX', 'edX Inc.'), ('acme', 'Acme'), ('org1', 'Old name');
INSERT INTO course_codes (organization_id, key, display_name) SELECT id, 'DemoX', 'Demonstration' FROM organizations WHERE key = 'edX';
INSERT INTO course_codes (organization_id, key, display_name) SELECT id, 'Seeds', 'Seeds' FROM organizations WHERE key = 'edX';
INSERT INTO course_codes (organization_id, key, display_name) SELECT id, 'Rockets', 'Rockets' FROM organizations WHERE key = 'acme';
INSERT INTO programs (uuid, name, category, status, marketing_slug, organization_id)
    SELECT '00000000-0000-8000-8000-000000000001', 'Active', 'XSeries', 'active', 'active', id FROM organizations WHERE key = 'edX';
INSERT INTO programs (uuid, name, category, status, banner_image, organization_id)
    SELECT '00000000-0000-8000-8000-000000000002', 'Retired', 'MicroMasters', 'retired', 'banners/own.png', id FROM organizations WHERE key = 'acme';
INSERT INTO programs (uuid, name, category) VALUES ('00000000-0000-8000-8000-000000000003', 'Unpublished', 'XSeries');
INSERT INTO programs (uuid, name, category, status) VALUES ('00000000-0000-8000-8000-000000000004', 'Deleted', 'XSeries', 'deleted');
INSERT INTO program_course_codes (program_id, course_code_id, position) SELECT p.id, c.id, 2 FROM programs p, course_codes c WHERE p.name = 'Active' AND c.key = 'DemoX';
INSERT INTO program_course_codes (program_id, course_code_id, position) SELECT p.id, c.id, 1 FROM programs p, course_codes c WHERE p.name = 'Active' AND c.key = 'Seeds';
INSERT INTO program_course_codes (program_id, course_code_id, position) SELECT p.id, c.id, 1 FROM programs p, course_codes c WHERE p.name = 'Retired' AND c.key = 'Rockets';
INSERT INTO program_course_codes (program_id, course_code_id, position) SELECT p.id, c.id, 1 FROM programs p, course_codes c WHERE p.name = 'Unpublished' AND c.key = 'DemoX';
INSERT INTO run_modes (program_id, course_code_id, course_key, mode_slug, sku, start_date)
    SELECT p.id, c.id, 'course-v1:edX+DemoX+2025', 'verified', 'ABC', '2025-01-01T00:00:00Z' FROM programs p, course_codes c WHERE p.name IN ('Active', 'Unpublished') AND c.key = 'DemoX';
INSERT INTO run_modes (program_id, course_code_id, course_key, mode_slug, start_date)
    SELECT p.id, c.id, 'edX/DemoX/2012', 'honor', '2012-01-01T00:00:00Z' FROM programs p, course_codes c WHERE p.name = 'Active' AND c.key = 'DemoX';
INSERT INTO run_modes (program_id, course_code_id, course_key, mode_slug, start_date)
    SELECT p.id, c.id, 'course-v1:edX+Seeds+2025', 'verified', '2025-01-01T00:00:00Z' FROM programs p, course_codes c WHERE p.name = 'Active' AND c.key = 'Seeds';
