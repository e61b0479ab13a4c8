-- A number that grows with every change of what is shown. Who keeps something in memory asks for it, and knows whether
-- that is still so. Every writer changes this row, also who writes to the tables without this service.
CREATE TABLE catalogue_revision (
    id     SMALLINT PRIMARY KEY CHECK (id = 1),
    number BIGINT NOT NULL
);
INSERT INTO catalogue_revision (id, number) VALUES (1, 1);

CREATE FUNCTION catalogue_changed() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE catalogue_revision SET number = number + 1;
    RETURN NULL;
END $$;

CREATE TRIGGER organizations_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON organizations
    FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER course_codes_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON course_codes
    FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER course_runs_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON course_runs
    FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER programs_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON programs
    FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER program_defaults_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON program_defaults
    FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER program_course_codes_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON program_course_codes
    FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
CREATE TRIGGER run_modes_changed AFTER INSERT OR UPDATE OR DELETE OR TRUNCATE ON run_modes
    FOR EACH STATEMENT EXECUTE FUNCTION catalogue_changed();
