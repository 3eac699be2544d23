-- What sources say currencies are worth. Nothing is ever interpolated, and nothing said is ever changed: a newer rate is another row.

CREATE TABLE fx_rate (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source   text NOT NULL,
    unit     text NOT NULL REFERENCES currency,
    currency text NOT NULL REFERENCES currency,
    rate     numeric(38, 18) NOT NULL,
    as_of    timestamptz NOT NULL,
    noted_at timestamptz NOT NULL,
    noted_by text NOT NULL,
    CONSTRAINT fx_rate_said_once UNIQUE (source, unit, currency, as_of),
    -- The offshore renminbi is never taken from the onshore one.
    CONSTRAINT fx_rate_is_sound CHECK (
        source ~ '^[A-Z][A-Z_]{1,19}$' AND 0 < rate AND rate < 'Infinity' AND unit <> currency AND as_of <= noted_at
        AND 'XTS' NOT IN (unit, currency) AND (unit, currency) NOT IN (('CNY', 'CNH'), ('CNH', 'CNY')))
);
COMMENT ON COLUMN fx_rate.rate IS 'So many of currency are worth one of unit.';
CREATE INDEX fx_rate_of_unit ON fx_rate (unit, as_of);
CREATE INDEX fx_rate_of_currency ON fx_rate (currency, as_of);

CREATE TRIGGER fx_rate_append_only BEFORE UPDATE OR DELETE ON fx_rate FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fx_rate_no_truncate BEFORE TRUNCATE ON fx_rate FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- The newest rate known at a moment: so many of `base` for one of `quote`. Two rates are crossed only through one common
-- currency and if the same source said both on the same day. Nothing for what nobody spoke of in the sixty days before.
CREATE FUNCTION find_rate_v1(p_base text, p_quote text, p_at timestamptz)
RETURNS TABLE (rate numeric, source text, as_of timestamptz)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH said AS (
        SELECT r.source, r.unit, r.currency, r.rate, r.as_of FROM fx_rate r
         WHERE r.as_of <= p_at AND r.as_of > p_at - interval '60 days'
           AND (r.unit IN (p_base, p_quote) OR r.currency IN (p_base, p_quote))
    ), worth AS (
        -- `amount` of `code` are worth `price` of `other`.
        SELECT s.source, s.as_of, s.currency AS code, s.unit AS other, s.rate AS amount, 1::numeric AS price FROM said s
        UNION ALL
        SELECT s.source, s.as_of, s.unit, s.currency, 1, s.rate FROM said s
    ), latest AS MATERIALIZED (
        SELECT DISTINCT ON (w.source, w.day, w.code, w.other) *
          FROM (SELECT *, (as_of AT TIME ZONE 'UTC')::date AS day FROM worth) w
         WHERE w.code IN (p_base, p_quote)
         ORDER BY w.source, w.day, w.code, w.other, w.as_of DESC
    )
    -- Forty places, so that rounding to eighteen rounds once.
    SELECT round_half_even(x.above * 1.0000000000000000000000000000000000000000 / x.below, 18), x.source, x.as_of
      FROM (SELECT l.amount AS above, l.price AS below, l.source, l.as_of, 0 AS crossed
              FROM latest l WHERE l.code = p_base AND l.other = p_quote
             UNION ALL
            SELECT a.amount * b.price, a.price * b.amount, a.source, least(a.as_of, b.as_of), 1
              FROM latest a JOIN latest b ON (b.source, b.day, b.other) = (a.source, a.day, a.other)
             WHERE a.code = p_base AND b.code = p_quote AND a.other NOT IN (p_base, p_quote)) x
     ORDER BY x.as_of DESC, x.crossed, x.source LIMIT 1
$$;

REVOKE ALL ON fx_rate FROM PUBLIC, :app_role;
GRANT SELECT, INSERT ON fx_rate TO :app_role;
REVOKE ALL ON FUNCTION find_rate_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_rate_v1 TO :app_role;
