-- What it costs to pay in one currency for what is priced in another, for a while. A quote never changes: a new one is made.

CREATE TABLE fx_quote (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid        uuid NOT NULL UNIQUE,
    base       text NOT NULL REFERENCES currency,
    quote      text NOT NULL REFERENCES currency,
    mid        numeric(38, 18) NOT NULL,
    spread_bps int NOT NULL,
    rate       numeric(38, 18) NOT NULL,
    source     text NOT NULL,
    rate_at    timestamptz NOT NULL,
    made_at    timestamptz NOT NULL,
    expires_at timestamptz NOT NULL,
    organization_id bigint REFERENCES accounts_organization,
    CONSTRAINT fx_quote_is_sound CHECK (
        base <> quote AND 0 < mid AND mid <= rate AND rate < 'Infinity' AND spread_bps BETWEEN 0 AND 5000
        AND rate_at <= made_at AND made_at < expires_at AND 'XTS' NOT IN (base, quote))
);
COMMENT ON COLUMN fx_quote.rate IS 'Units of base for one unit of quote, the spread included; mid is without it.';
COMMENT ON COLUMN fx_quote.organization_id IS 'Who asked for it and may use it, once; NULL for what stands for everybody.';

-- The newest quote for whoever pays without asking first.
CREATE TABLE fx_standing_quote (
    base     text NOT NULL,
    quote    text NOT NULL,
    quote_id bigint NOT NULL UNIQUE REFERENCES fx_quote,
    PRIMARY KEY (base, quote)
);

CREATE TRIGGER fx_quote_append_only BEFORE UPDATE OR DELETE ON fx_quote FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fx_quote_no_truncate BEFORE TRUNCATE ON fx_quote FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A quote that stands is of its own two currencies, and never older than the one it follows.
CREATE FUNCTION check_standing_quote() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT EXISTS (SELECT 1 FROM fx_quote q WHERE q.id = NEW.quote_id AND q.base = NEW.base AND q.quote = NEW.quote
                                              AND q.organization_id IS NULL) THEN
        RAISE EXCEPTION 'quote % is somebody''s own, or of other currencies', NEW.quote_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_standing_quote_checked';
    ELSIF TG_OP = 'UPDATE' AND NEW.quote_id < OLD.quote_id THEN
        RAISE EXCEPTION 'quote % is older than the one that stands', NEW.quote_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_standing_quote_checked';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fx_standing_quote_checked BEFORE INSERT OR UPDATE ON fx_standing_quote
    FOR EACH ROW EXECUTE FUNCTION check_standing_quote();

-- What the platform asks beyond the middle rate.
CREATE TABLE fx_spread (
    base       text NOT NULL REFERENCES currency,
    quote      text NOT NULL REFERENCES currency,
    spread_bps int NOT NULL CHECK (spread_bps BETWEEN 0 AND 5000),
    PRIMARY KEY (base, quote)
);
COMMENT ON TABLE fx_spread IS 'Of pairs for which it is another than the usual one.';

-- Make a quote from what sources said: for one organization, or (NULL) the one that stands for everybody. `p_spread_bps` is the
-- usual spread. A rate older than `p_hours` is no rate any more, and what a position in neither currency would be worth in the
-- currency of the books has to be known.
CREATE FUNCTION make_quote_v1(
    p_uid uuid, p_base text, p_quote text, p_organization bigint, p_spread_bps int, p_hours int, p_seconds int, p_at timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found record;
    bps int := coalesce((SELECT spread_bps FROM fx_spread WHERE base = p_base AND quote = p_quote), p_spread_bps);
    made bigint;
BEGIN
    SELECT * INTO found FROM find_rate_v1(p_base, p_quote, p_at);
    IF found.rate IS NULL OR NOT ('USD' IN (p_base, p_quote) OR EXISTS (SELECT 1 FROM find_rate_v1('USD', p_base, p_at))
                                  OR EXISTS (SELECT 1 FROM find_rate_v1('USD', p_quote, p_at))) THEN
        RAISE EXCEPTION 'nobody says what % is worth in %', p_quote, p_base
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_rate_known';
    ELSIF found.as_of < p_at - make_interval(hours => p_hours) THEN
        RAISE EXCEPTION 'the newest rate of % in % is of %', p_quote, p_base, found.as_of
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_rate_fresh';
    END IF;
    INSERT INTO fx_quote (uid, base, quote, mid, spread_bps, rate, source, rate_at, made_at, expires_at, organization_id)
    VALUES (p_uid, p_base, p_quote, found.rate, bps, round_half_even(found.rate * (10000 + bps) * 0.0001, 18), found.source,
            found.as_of, p_at, p_at + make_interval(secs => p_seconds), p_organization)
    RETURNING id INTO made;
    IF p_organization IS NULL THEN
        INSERT INTO fx_standing_quote (base, quote, quote_id) VALUES (p_base, p_quote, made)
        ON CONFLICT (base, quote) DO UPDATE SET quote_id = greatest(fx_standing_quote.quote_id, EXCLUDED.quote_id);
    END IF;
    RETURN made;
END $$;

-- Nobody can pay in this pair without asking first any more.
CREATE FUNCTION withdraw_quote_v1(p_base text, p_quote text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    DELETE FROM fx_standing_quote WHERE base = p_base AND quote = p_quote
$$;

REVOKE ALL ON FUNCTION make_quote_v1, withdraw_quote_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_quote_v1, withdraw_quote_v1 TO :app_role;
REVOKE ALL ON fx_spread FROM PUBLIC, :app_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON fx_spread TO :app_role;
REVOKE ALL ON fx_quote, fx_standing_quote FROM PUBLIC, :app_role;
GRANT SELECT ON fx_quote, fx_standing_quote TO :app_role;
