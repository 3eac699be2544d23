-- What a key or token is never changes: it is issued, perhaps pinned to a public key, and revoked.
-- Nobody brings one back to life or gives it to another organization, whatever code tries it.
CREATE OR REPLACE FUNCTION keep_credential() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.digest <> OLD.digest OR NEW.organization_id <> OLD.organization_id OR NEW.uid <> OLD.uid THEN
        RAISE EXCEPTION '%: a credential never becomes another', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME;
    END IF;
    IF OLD.revoked_at IS NOT NULL AND NEW.revoked_at IS DISTINCT FROM OLD.revoked_at THEN
        RAISE EXCEPTION '%: what is revoked stays revoked', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE FUNCTION keep_public_key() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF NEW.public_key IS DISTINCT FROM OLD.public_key THEN
        RAISE EXCEPTION '%: a pinned public key is never replaced', TG_TABLE_NAME
            USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;

CREATE OR REPLACE TRIGGER apikey_is_kept
    BEFORE UPDATE ON accounts_apikey
    FOR EACH ROW EXECUTE FUNCTION keep_credential();

CREATE OR REPLACE TRIGGER agenttoken_is_kept
    BEFORE UPDATE ON accounts_agenttoken
    FOR EACH ROW EXECUTE FUNCTION keep_credential();

CREATE OR REPLACE TRIGGER agenttoken_public_key_is_pinned
    BEFORE UPDATE ON accounts_agenttoken
    FOR EACH ROW WHEN (OLD.public_key IS NOT NULL) EXECUTE FUNCTION keep_public_key();

-- Jobs and nodes point at them, and a deleted key would take its revocation along.
REVOKE DELETE, TRUNCATE ON accounts_apikey, accounts_agenttoken FROM :app_role;
