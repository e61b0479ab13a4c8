-- A number that grows with every change of what is shown. Who keeps something in memory asks for it, and knows whether
-- that is still so. Every writer changes this row, also who writes to the tables without this service.
CREATE TABLE catalogue_revision (
    id     INTEGER PRIMARY KEY CHECK (id = 1),
    number INTEGER NOT NULL
);
INSERT INTO catalogue_revision (id, number) VALUES (1, 1);

CREATE TRIGGER organizations_inserted AFTER INSERT ON organizations BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER organizations_updated AFTER UPDATE ON organizations BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER organizations_deleted AFTER DELETE ON organizations BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER course_codes_inserted AFTER INSERT ON course_codes BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER course_codes_updated AFTER UPDATE ON course_codes BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER course_codes_deleted AFTER DELETE ON course_codes BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER course_runs_inserted AFTER INSERT ON course_runs BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER course_runs_updated AFTER UPDATE ON course_runs BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER course_runs_deleted AFTER DELETE ON course_runs BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER programs_inserted AFTER INSERT ON programs BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER programs_updated AFTER UPDATE ON programs BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER programs_deleted AFTER DELETE ON programs BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER program_defaults_inserted AFTER INSERT ON program_defaults BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER program_defaults_updated AFTER UPDATE ON program_defaults BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER program_defaults_deleted AFTER DELETE ON program_defaults BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER program_course_codes_inserted AFTER INSERT ON program_course_codes BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER program_course_codes_updated AFTER UPDATE ON program_course_codes BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER program_course_codes_deleted AFTER DELETE ON program_course_codes BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER run_modes_inserted AFTER INSERT ON run_modes BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER run_modes_updated AFTER UPDATE ON run_modes BEGIN UPDATE catalogue_revision SET number = number + 1; END;
CREATE TRIGGER run_modes_deleted AFTER DELETE ON run_modes BEGIN UPDATE catalogue_revision SET number = number + 1; END;
