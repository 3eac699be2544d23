-- Money of one organization from one of its wallets into another, at a quote of its own.

INSERT INTO account_purpose (purpose, prefix, category, owned) VALUES
    ('FX_GAIN',        'income:fx_gain',        'INCOME',    false),
    ('FX_REVALUATION', 'income:fx_revaluation', 'INCOME',    false),
    ('SWAP_LINE',      'liability:swap_line',   'LIABILITY', false)
ON CONFLICT DO NOTHING;

-- How much of a currency the platform may be long or short of by exchanges.
CREATE TABLE fx_limit (
    currency text PRIMARY KEY REFERENCES currency,
    amount   numeric(38, 9) NOT NULL CHECK (amount >= 0 AND amount < 'Infinity')
);

CREATE TABLE fx_conversion (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE,
    quote_id        bigint NOT NULL UNIQUE REFERENCES fx_quote,
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    sold            numeric(38, 9) NOT NULL,
    bought          numeric(38, 9) NOT NULL,
    mid_amount      numeric(38, 9) NOT NULL,
    entry_id        bigint NOT NULL UNIQUE REFERENCES entry,
    converted_at    timestamptz NOT NULL,
    CONSTRAINT fx_conversion_is_sound CHECK (
        0 < bought AND bought < 'Infinity' AND 0 < mid_amount AND mid_amount <= sold AND sold < 'Infinity')
);
COMMENT ON COLUMN fx_conversion.quote_id IS 'A quote serves one conversion.';
COMMENT ON COLUMN fx_conversion.mid_amount IS 'The part of what was sold that is worth what was bought; the rest is the spread.';
CREATE TRIGGER fx_conversion_append_only BEFORE UPDATE OR DELETE ON fx_conversion
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fx_conversion_no_truncate BEFORE TRUNCATE ON fx_conversion
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- How long (+) or short (-) the platform is of a currency. A position account has the other sign: what wallets gave is a credit.
CREATE FUNCTION fx_position_v1(p_currency text) RETURNS numeric
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT coalesce(-sum(balance_v1(a.id)), 0) FROM ledger_account a WHERE a.purpose = 'FX_POSITION' AND a.currency = p_currency
$$;

-- Refuse what would take a position further beyond its limit. The limit's row is locked: of two exchanges that each fit and do
-- not fit together, one is refused.
CREATE FUNCTION check_fx_limit_v1(p_currency text, p_change numeric) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ceiling numeric;
    before numeric;
BEGIN
    SELECT amount INTO ceiling FROM fx_limit WHERE currency = p_currency FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN;
    END IF;
    before := fx_position_v1(p_currency);
    IF abs(before + p_change) > greatest(ceiling, abs(before)) THEN
        RAISE EXCEPTION 'the position in % would be %', p_currency, before + p_change
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_limit_kept';
    END IF;
END $$;

-- Exchange at a quote: `p_sold` of its base, or as much as `p_bought` of its other currency costs; the other one is NULL. What the
-- organization gets is rounded down, what it pays up. A repeat answers the first conversion.
CREATE FUNCTION convert_v1(
    p_uid uuid, p_quote bigint, p_organization bigint, p_sold numeric, p_bought numeric, p_actor text, p_at timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    q fx_quote;
    paid numeric(38, 9);
    got numeric(38, 9);
    middle numeric(38, 9);
    legs bigint[];
    parts numeric[];
    posted bigint;
    made bigint;
BEGIN
    SELECT * INTO q FROM fx_quote WHERE id = p_quote AND organization_id = p_organization;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no such quote' USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_quote_own';
    END IF;
    IF p_sold IS NOT NULL THEN
        paid := p_sold;
        got := trunc(p_sold * 1.0000000000000000000000000000000000000000 / q.rate, 9);
    ELSE
        got := p_bought;
        paid := ceil(p_bought * q.rate * 1000000000) * 0.000000001;
    END IF;
    IF paid IS DISTINCT FROM coalesce(p_sold, paid) OR got IS DISTINCT FROM coalesce(p_bought, got) THEN
        RAISE EXCEPTION 'amounts have at most nine places' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    middle := least(paid, round_half_even(got * q.mid, 9));
    IF (paid > 0 AND got > 0 AND middle > 0) IS NOT TRUE THEN
        RAISE EXCEPTION 'nothing would be exchanged' USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_amount_enough';
    END IF;
    SELECT c.id INTO made FROM fx_conversion c
     WHERE c.quote_id = p_quote AND (c.sold, c.bought) = (paid, got);
    IF FOUND THEN
        RETURN made;
    ELSIF p_at < q.made_at OR p_at >= q.expires_at THEN
        RAISE EXCEPTION 'the quote expired at %', q.expires_at
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_quote_in_force';
    END IF;
    -- Limits in the order of currencies, before any balance.
    PERFORM check_fx_limit_v1(x.currency, x.change)
       FROM (VALUES (q.base, middle), (q.quote, -got)) AS x(currency, change) ORDER BY x.currency;
    SELECT array_agg(x.account ORDER BY x.account), array_agg(x.part ORDER BY x.account) INTO legs, parts
      FROM (VALUES (account_v1('WALLET', p_organization, q.base), paid),
                   (account_v1('FX_POSITION', NULL, q.base), -middle),
                   (account_v1('FX_SPREAD', NULL, q.base), middle - paid),
                   (account_v1('FX_POSITION', NULL, q.quote), got),
                   (account_v1('WALLET', p_organization, q.quote), -got)) AS x(account, part)
     WHERE x.part <> 0;
    SELECT p.entry_id INTO posted FROM post_v1('fx:' || q.uid, 'FX_CONVERSION', p_actor, '', p_at, legs, parts) p;
    INSERT INTO fx_conversion (uid, quote_id, organization_id, sold, bought, mid_amount, entry_id, converted_at)
    VALUES (p_uid, p_quote, p_organization, paid, got, middle, posted, p_at)
    ON CONFLICT (quote_id) DO NOTHING RETURNING id INTO made;
    IF made IS NULL THEN  -- the same, a moment before
        SELECT c.id INTO made FROM fx_conversion c WHERE c.quote_id = p_quote;
    END IF;
    RETURN made;
END $$;

REVOKE ALL ON fx_limit, fx_conversion FROM PUBLIC, :app_role;
GRANT SELECT ON fx_conversion TO :app_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON fx_limit TO :app_role;
REVOKE ALL ON FUNCTION fx_position_v1, check_fx_limit_v1, convert_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fx_position_v1, convert_v1 TO :app_role;
