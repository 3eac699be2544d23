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
    CONSTRAINT fx_quote_is_sound CHECK (
        base <> quote AND 0 < mid AND mid <= rate AND rate < 'Infinity' AND spread_bps BETWEEN 0 AND 5000
        AND rate_at <= made_at AND made_at < expires_at AND 'XTS' NOT IN (base, quote))
);
COMMENT ON COLUMN fx_quote.rate IS 'Units of base for one unit of quote, the spread included; mid is without it.';

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
    IF NOT EXISTS (SELECT 1 FROM fx_quote q WHERE q.id = NEW.quote_id AND q.base = NEW.base AND q.quote = NEW.quote) THEN
        RAISE EXCEPTION 'quote % is of other currencies', NEW.quote_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_standing_quote_fits';
    ELSIF TG_OP = 'UPDATE' AND NEW.quote_id < OLD.quote_id THEN
        RAISE EXCEPTION 'quote % is older than the one that stands', NEW.quote_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_standing_quote_is_newest';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fx_standing_quote_checked BEFORE INSERT OR UPDATE ON fx_standing_quote
    FOR EACH ROW EXECUTE FUNCTION check_standing_quote();

REVOKE ALL ON fx_quote, fx_standing_quote FROM PUBLIC, :app_role;
GRANT SELECT ON fx_quote, fx_standing_quote TO :app_role;
