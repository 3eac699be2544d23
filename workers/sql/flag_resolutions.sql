-- What an operator said of a flag stays said.
CREATE TRIGGER flag_resolution_append_only BEFORE UPDATE OR DELETE ON flag_resolution
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER flag_resolution_no_truncate BEFORE TRUNCATE ON flag_resolution
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON flag_resolution FROM :app_role;

-- A provider's attempts, newest first.
CREATE INDEX attempt_offer ON attempt (offer_id, id);
