INSERT INTO organizations (key, display_name) VALUES ('edX', 'edX Inc.'), ('acme', 'Acme'), ('org1', 'Old name');
INSERT INTO course_codes (organization_id, key, display_name) SELECT id, 'DemoX', 'Demonstration' FROM organizations WHERE key = 'edX';
INSERT INTO course_codes (organization_id, key, display_name) SELECT id, 'Seeds', 'Seeds' FROM organizations WHERE key = 'edX';
INSERT INTO course_codes (organization_id, key, display_name) SELECT id, 'Rockets', 'Rockets' FROM organizations WHERE key = 'acme';
INSERT INTO course_runs (course_key, organization_id, number, name, start_date, end_date, enrollment_end)
    SELECT 'course-v1:edX+DemoX+2025', id, 'DemoX', 'Demonstration', '2025-01-01T00:00:00Z', '2099-01-01T00:00:00Z', '2025-06-01T00:00:00Z' FROM organizations WHERE key = 'edX';
INSERT INTO course_runs (course_key, organization_id, number, name, start_date, end_date)
    SELECT 'edX/DemoX/2012', id, 'DemoX', 'Demonstration', '2012-01-01T00:00:00Z', '2013-01-01T00:00:00Z' FROM organizations WHERE key = 'edX';
INSERT INTO course_runs (course_key, organization_id, number, name, start_date, enrollment_start)
    SELECT 'course-v1:edX+DemoX+2098', id, 'DemoX', 'Demonstration', '2098-01-01T00:00:00Z', '2097-01-01T00:00:00Z' FROM organizations WHERE key = 'edX';
INSERT INTO programs (uuid, slug, name, category, status, marketing_slug, site, author, organization_id)
    SELECT '00000000-0000-8000-8000-000000000001', 'active', 'Active', 'XSeries', 'active', 'active', 'micro.example.com', 'boss', id FROM organizations WHERE key = 'edX';
INSERT INTO programs (uuid, slug, name, category, status, organization_id)
    SELECT '00000000-0000-8000-8000-000000000002', 'retired', 'Retired', 'MicroMasters', 'retired', id FROM organizations WHERE key = 'acme';
INSERT INTO programs (uuid, slug, name, category, organization_id)
    SELECT '00000000-0000-8000-8000-000000000003', 'unpublished', 'Unpublished', 'XSeries', id FROM organizations WHERE key = 'edX';
INSERT INTO programs (uuid, slug, name, category, status) VALUES ('00000000-0000-8000-8000-000000000004', 'deleted-one', 'Deleted', 'XSeries', 'deleted');
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
