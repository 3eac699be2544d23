-- The audit trail is added to and never edited: by grants for the application's role, and by
-- triggers for everybody, the owner included.
REVOKE UPDATE, DELETE, TRUNCATE ON accounts_auditevent FROM :app_role;

CREATE OR REPLACE TRIGGER audit_is_append_only
    BEFORE UPDATE OR DELETE ON accounts_auditevent
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE OR REPLACE TRIGGER audit_is_never_truncated
    BEFORE TRUNCATE ON accounts_auditevent
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
