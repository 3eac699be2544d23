-- Findings are history, as the cards that came from them.
CREATE OR REPLACE TRIGGER joules_finding_never_changes BEFORE UPDATE OR DELETE ON joules_finding
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER joules_finding_never_emptied BEFORE TRUNCATE ON joules_finding
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON joules_finding FROM :app_role;
