-- Heat that was metered and agreed to: what it costs, and the entry that took it once the wallet had enough.

CREATE TABLE IF NOT EXISTS heat_charge (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key        text NOT NULL UNIQUE CHECK (key ~ '^heat:'),
    wallet_id  bigint NOT NULL REFERENCES scope,
    payable_id bigint NOT NULL REFERENCES ledger_account,
    currency   text NOT NULL REFERENCES currency,
    amount     numeric(38, 9) NOT NULL,
    fee        numeric(38, 9) NOT NULL,
    reason     text NOT NULL,
    due_at     timestamptz NOT NULL,
    entry_id   bigint UNIQUE REFERENCES entry,
    -- A correction gives back, and the fee of it goes back with it.
    CONSTRAINT heat_charge_is_sound CHECK (
        amount <> 0 AND abs(amount) < 'Infinity' AND CASE WHEN amount > 0 THEN fee BETWEEN 0 AND amount ELSE fee BETWEEN amount AND 0 END)
);
CREATE INDEX IF NOT EXISTS heat_charge_due ON heat_charge (wallet_id, payable_id, id) WHERE entry_id IS NULL;

-- What it costs is kept, and the entry once there is one.
CREATE OR REPLACE FUNCTION keep_heat_charge() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.entry_id IS NULL AND to_jsonb(NEW) - 'entry_id' = to_jsonb(OLD) - 'entry_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'a charge of heat keeps what it costs, and its entry'
        USING ERRCODE = 'restrict_violation', CONSTRAINT = 'heat_charge_history';
END $$;
CREATE OR REPLACE TRIGGER heat_charge_history BEFORE UPDATE OR DELETE ON heat_charge FOR EACH ROW EXECUTE FUNCTION keep_heat_charge();
CREATE OR REPLACE TRIGGER heat_charge_no_truncate BEFORE TRUNCATE ON heat_charge FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Note what heat costs, once for each key; a repeat of the same answers the first, anything else is refused.
CREATE OR REPLACE FUNCTION charge_heat_v1(
    p_key text, p_buyer bigint, p_provider bigint, p_currency text, p_amount numeric, p_fee numeric, p_reason text, p_due_at timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    account bigint := account_v1('WALLET', p_buyer, p_currency);
    payable bigint := account_v1('PAYABLE', p_provider, p_currency);
    wallet bigint;
    made bigint;
BEGIN
    SELECT id INTO wallet FROM scope WHERE account_id = account;
    INSERT INTO heat_charge (key, wallet_id, payable_id, currency, amount, fee, reason, due_at)
    VALUES (p_key, wallet, payable, p_currency, p_amount, p_fee, p_reason, p_due_at)
    ON CONFLICT (key) DO NOTHING RETURNING id INTO made;
    IF made IS NULL THEN
        SELECT id INTO made FROM heat_charge
         WHERE key = p_key AND (wallet_id, payable_id, amount, fee) = (wallet, payable, p_amount, p_fee);
        IF made IS NULL THEN
            RAISE EXCEPTION '% was used for another charge', p_key
                USING ERRCODE = 'unique_violation', CONSTRAINT = 'entry_key_reused';
        END IF;
    END IF;
    RETURN made;
END $$;

-- Post one of them. Two that try at once wait for each other at the entry's key, and find the same entry.
-- Raises check_violation (scope_never_overspent) if the wallet has not enough.
CREATE OR REPLACE FUNCTION post_heat_v1(p_charge bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    due heat_charge;
    legs bigint[];
    parts numeric[];
    made bigint;
BEGIN
    SELECT * INTO due FROM heat_charge WHERE id = p_charge;
    IF due.entry_id IS NOT NULL THEN
        RETURN due.entry_id;
    END IF;
    SELECT array_agg(x.account ORDER BY x.account), array_agg(x.part ORDER BY x.account) INTO legs, parts
      FROM (VALUES ((SELECT account_id FROM scope WHERE id = due.wallet_id), due.amount),
                   (due.payable_id, due.fee - due.amount),
                   (account_v1('HEAT', NULL, due.currency), -due.fee)) AS x(account, part)
     WHERE x.part <> 0;
    SELECT p.entry_id INTO made
      FROM post_v1(due.key, 'HEAT', 'system:heat', due.reason, due.due_at, legs, parts) p;
    UPDATE heat_charge SET entry_id = made WHERE id = p_charge AND entry_id IS NULL;
    RETURN made;
END $$;

REVOKE ALL ON heat_charge FROM PUBLIC, :app_role;
GRANT SELECT ON heat_charge TO :app_role;
REVOKE ALL ON FUNCTION charge_heat_v1, post_heat_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION charge_heat_v1, post_heat_v1 TO :app_role;
