-- Tariffs are history, as the cards that came from them.
CREATE OR REPLACE TRIGGER site_tariff_never_changes BEFORE UPDATE OR DELETE ON site_tariff
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER site_tariff_never_emptied BEFORE TRUNCATE ON site_tariff
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
REVOKE UPDATE, DELETE, TRUNCATE ON site_tariff FROM :app_role;
