-- A key or a member is in a project of its own organization, whatever code puts it there.
ALTER TABLE accounts_apikey DROP CONSTRAINT IF EXISTS accounts_apikey_project_of_its_organization;
ALTER TABLE accounts_apikey ADD CONSTRAINT accounts_apikey_project_of_its_organization
    FOREIGN KEY (project_id, organization_id) REFERENCES accounts_project (id, organization_id);
ALTER TABLE accounts_membership DROP CONSTRAINT IF EXISTS accounts_membership_project_of_its_organization;
ALTER TABLE accounts_membership ADD CONSTRAINT accounts_membership_project_of_its_organization
    FOREIGN KEY (project_id, organization_id) REFERENCES accounts_project (id, organization_id);

-- What was spent is told by project for ever.
REVOKE DELETE, TRUNCATE ON accounts_project FROM :app_role;
