-- What prices followed from is history, as the cards that name it.
CREATE OR REPLACE TRIGGER price_basis_never_changes BEFORE UPDATE OR DELETE ON price_basis
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER price_basis_never_emptied BEFORE TRUNCATE ON price_basis
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON price_basis FROM :app_role;
