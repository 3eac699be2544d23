-- Whose books an account is in. The exchange may be run by several companies, each with books of its own; an organization deals
-- with one of them. Accounts of the first keep their codes; those of the others have the entity in theirs.

CREATE TABLE booking_entity (
    code    text PRIMARY KEY CHECK (code ~ '^[A-Z]{2,12}$'),
    name    text NOT NULL,
    country text NOT NULL CHECK (country ~ '^[A-Z]{2}$')
);
INSERT INTO booking_entity (code, name, country) VALUES ('HK', 'Hong Kong', 'HK'), ('HAINAN', 'Hainan', 'CN');
COMMENT ON TABLE booking_entity IS 'HK is whom everybody deals with who was given to nobody else.';

CREATE TABLE organization_entity (
    organization_id bigint PRIMARY KEY REFERENCES accounts_organization,
    entity          text NOT NULL REFERENCES booking_entity
);

ALTER TABLE ledger_account
    ADD COLUMN entity text NOT NULL DEFAULT 'HK' REFERENCES booking_entity,
    DROP CONSTRAINT ledger_account_purpose_organization_id_currency_key,
    ADD CONSTRAINT ledger_account_one_each UNIQUE NULLS NOT DISTINCT (purpose, organization_id, currency, entity);

CREATE TRIGGER ledger_account_entity_kept BEFORE UPDATE OF entity ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER booking_entity_kept BEFORE UPDATE OF code OR DELETE ON booking_entity
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- All accounts of an organization are with its entity, so it moves to another only before it has any.
CREATE FUNCTION check_organization_entity() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    moved bigint := coalesce(NEW.organization_id, OLD.organization_id);
BEGIN
    PERFORM 1 FROM accounts_organization WHERE id = moved FOR UPDATE;
    IF EXISTS (SELECT 1 FROM ledger_account WHERE organization_id = moved AND entity <> coalesce(NEW.entity, 'HK')) THEN
        RAISE EXCEPTION 'organization % has accounts with another entity', moved
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'organization_entity_fixed';
    END IF;
    RETURN coalesce(NEW, OLD);
END $$;
CREATE TRIGGER organization_entity_fixed BEFORE INSERT OR UPDATE OR DELETE ON organization_entity
    FOR EACH ROW EXECUTE FUNCTION check_organization_entity();
CREATE TRIGGER organization_entity_no_truncate BEFORE TRUNCATE ON organization_entity
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Find or open an account of the chart that belongs to the platform, in the books of one entity.
CREATE FUNCTION account_v2(p_purpose text, p_currency text, p_entity text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found_id bigint;
    chart account_purpose;
BEGIN
    SELECT id INTO found_id FROM ledger_account
     WHERE purpose = p_purpose AND organization_id IS NULL AND currency = p_currency AND entity = p_entity;
    IF FOUND THEN
        RETURN found_id;
    END IF;
    SELECT * INTO chart FROM account_purpose WHERE purpose = p_purpose AND NOT owned;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'the platform has no account of purpose %', p_purpose USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO ledger_account (code, purpose, currency, category, entity)
    VALUES (concat_ws(':', chart.prefix, lower(nullif(p_entity, 'HK')), p_currency), p_purpose, p_currency, chart.category, p_entity)
    ON CONFLICT DO NOTHING RETURNING id INTO found_id;
    IF found_id IS NULL THEN  -- another transaction opened it first
        SELECT id INTO found_id FROM ledger_account
         WHERE purpose = p_purpose AND organization_id IS NULL AND currency = p_currency AND entity = p_entity;
    END IF;
    RETURN found_id;
END $$;

REVOKE ALL ON booking_entity, organization_entity FROM PUBLIC, :app_role;
GRANT SELECT, INSERT ON booking_entity TO :app_role;
GRANT SELECT, INSERT, UPDATE ON organization_entity TO :app_role;
REVOKE ALL ON FUNCTION account_v2 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION account_v2 TO :app_role;
