-- Reference data is history: loaded whole, never changed. What a provider said of its site stays said.

CREATE OR REPLACE TRIGGER reference_version_never_changes BEFORE UPDATE OR DELETE ON reference_version
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER reference_version_never_emptied BEFORE TRUNCATE ON reference_version
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER reference_figure_never_changes BEFORE UPDATE OR DELETE ON reference_figure
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER reference_figure_never_emptied BEFORE TRUNCATE ON reference_figure
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER site_figure_never_changes BEFORE UPDATE OR DELETE ON site_figure
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER site_figure_never_emptied BEFORE TRUNCATE ON site_figure
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

REVOKE UPDATE, DELETE, TRUNCATE ON reference_version, reference_figure, site_figure FROM :app_role;
