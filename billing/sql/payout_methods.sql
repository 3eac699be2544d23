-- Where providers want to be paid. A row is one account on one rail, for ever: another account is another row.

CREATE TABLE IF NOT EXISTS payout_method (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE,
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    rail            text NOT NULL,
    currency        text NOT NULL REFERENCES currency,
    country         text NOT NULL,
    details         bytea NOT NULL,
    key_id          text NOT NULL,
    fingerprint     text NOT NULL,
    hint            text NOT NULL,
    rank            int NOT NULL,
    state           text NOT NULL DEFAULT 'PENDING',
    reason          text NOT NULL DEFAULT '',
    added_by        uuid,
    added_at        timestamptz NOT NULL,
    payable_from    timestamptz NOT NULL,
    verified_at     timestamptz,
    verified_by     uuid,
    ended_at        timestamptz,
    CONSTRAINT payout_method_is_sound CHECK (
        rail ~ '^[a-z][a-z_]{1,30}$' AND country ~ '^[A-Z]{2}$' AND fingerprint ~ '^[0-9a-f]{64}$' AND hint <> '' AND rank >= 0
        AND length(details) > 0 AND payable_from >= added_at AND (state = 'RETIRED') = (ended_at IS NOT NULL)
        AND CASE state
            WHEN 'PENDING' THEN verified_at IS NULL
            WHEN 'READY' THEN verified_at IS NOT NULL
            WHEN 'BLOCKED' THEN reason <> ''
            WHEN 'RETIRED' THEN true
            ELSE false END),
    CONSTRAINT payout_method_by_two CHECK (verified_by IS NULL OR verified_by IS DISTINCT FROM added_by)
);
COMMENT ON COLUMN payout_method.payable_from IS 'Nothing is paid to it before: whoever takes over an account cannot turn its payouts at once.';
COMMENT ON COLUMN payout_method.rank IS 'The owner''s order of preference, the lowest first; equal ones by id.';
CREATE INDEX IF NOT EXISTS payout_method_of ON payout_method (organization_id, currency, rank, id) WHERE state <> 'RETIRED';
-- The same account twice would only hide which of the two is blocked.
CREATE UNIQUE INDEX IF NOT EXISTS payout_method_once ON payout_method (organization_id, rail, currency, fingerprint) WHERE state <> 'RETIRED';

-- What is encrypted anew (`details`, `key_id`), the order and the state change; where money goes does not.
CREATE OR REPLACE FUNCTION keep_payout_method() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.uid, NEW.organization_id, NEW.rail, NEW.currency, NEW.country, NEW.fingerprint, NEW.hint, NEW.added_by, NEW.added_at,
        NEW.payable_from)
       IS DISTINCT FROM (OLD.id, OLD.uid, OLD.organization_id, OLD.rail, OLD.currency, OLD.country, OLD.fingerprint, OLD.hint, OLD.added_by,
        OLD.added_at, OLD.payable_from)
       OR OLD.state = 'RETIRED' AND (NEW.state, NEW.rank, NEW.reason, NEW.verified_at, NEW.verified_by, NEW.ended_at)
       IS DISTINCT FROM (OLD.state, OLD.rank, OLD.reason, OLD.verified_at, OLD.verified_by, OLD.ended_at) THEN
        RAISE EXCEPTION 'payout method % stays what it is', OLD.id USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_method_history';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER payout_method_history BEFORE UPDATE ON payout_method FOR EACH ROW EXECUTE FUNCTION keep_payout_method();
CREATE OR REPLACE TRIGGER payout_method_kept BEFORE DELETE ON payout_method FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER payout_method_no_truncate BEFORE TRUNCATE ON payout_method FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Add one, last in the order.
CREATE OR REPLACE FUNCTION add_payout_method_v1(
    p_uid uuid, p_organization bigint, p_rail text, p_currency text, p_country text, p_details bytea, p_key_id text,
    p_fingerprint text, p_hint text, p_by uuid, p_at timestamptz, p_payable_from timestamptz
) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO payout_method (uid, organization_id, rail, currency, country, details, key_id, fingerprint, hint, rank,
                               added_by, added_at, payable_from)
    SELECT p_uid, p_organization, p_rail, p_currency, p_country, p_details, p_key_id, p_fingerprint, p_hint,
           coalesce(max(rank) + 1, 0), p_by, p_at, p_payable_from
      FROM payout_method WHERE organization_id = p_organization AND state <> 'RETIRED'
    RETURNING id
$$;

-- READY (checked by `p_by`), BLOCKED or RETIRED, with the reason. Answers whether it was not so already.
CREATE OR REPLACE FUNCTION move_payout_method_v1(p_method bigint, p_state text, p_reason text, p_by uuid, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE payout_method SET state = p_state, reason = p_reason,
           verified_at = CASE WHEN p_state = 'READY' THEN p_at ELSE verified_at END,
           verified_by = CASE WHEN p_state = 'READY' THEN p_by ELSE verified_by END,
           ended_at = CASE WHEN p_state = 'RETIRED' THEN p_at END
     WHERE id = p_method AND state NOT IN (p_state, 'RETIRED');
    RETURN FOUND;
END $$;

-- The order of preference of all that an organization has: `p_methods`, the first one first. Answers how many there were.
CREATE OR REPLACE FUNCTION order_payout_methods_v1(p_organization bigint, p_methods bigint[]) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    changed int;
BEGIN
    UPDATE payout_method m SET rank = o.place - 1
      FROM unnest(p_methods) WITH ORDINALITY AS o(id, place)
     WHERE m.id = o.id AND m.organization_id = p_organization AND m.state <> 'RETIRED';
    GET DIAGNOSTICS changed = ROW_COUNT;
    RETURN changed;
END $$;

-- The same details under another key.
CREATE OR REPLACE FUNCTION reseal_payout_method_v1(p_method bigint, p_details bytea, p_key_id text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE payout_method SET details = p_details, key_id = p_key_id WHERE id = p_method
$$;

REVOKE ALL ON payout_method FROM PUBLIC, :app_role;
GRANT SELECT ON payout_method TO :app_role;
REVOKE ALL ON FUNCTION add_payout_method_v1, move_payout_method_v1, order_payout_methods_v1, reseal_payout_method_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_payout_method_v1, move_payout_method_v1, order_payout_methods_v1, reseal_payout_method_v1 TO :app_role;
