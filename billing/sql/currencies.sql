-- What is to be known of a currency; the rows come from billing/currencies.csv, which names its sources.
ALTER TABLE currency
    ADD COLUMN numeric_code    text,
    ADD COLUMN stripe_exponent smallint,
    ADD COLUMN stripe_step     int,
    ADD COLUMN payout_step     int,
    ADD COLUMN minimum_charge  numeric(38, 9),
    ADD CONSTRAINT currency_is_sound CHECK (
        numeric_code ~ '^[0-9]{3}$'
        AND CASE WHEN stripe_exponent IS NULL THEN stripe_step IS NULL AND payout_step IS NULL AND minimum_charge IS NULL
                 ELSE (kind = 'FIAT' AND stripe_exponent BETWEEN 0 AND 3 AND stripe_step IN (1, 10, 100)
                       AND payout_step IN (1, 10, 100) AND minimum_charge IS DISTINCT FROM 'NaN'
                       AND coalesce(minimum_charge, 1) > 0) IS TRUE END);
COMMENT ON COLUMN currency.numeric_code IS 'Of ISO 4217; NULL for what is not in it.';
COMMENT ON COLUMN currency.stripe_exponent IS 'Places of Stripe''s integer amounts; NULL where Stripe charges nothing in it.';
COMMENT ON COLUMN currency.stripe_step IS 'Such an amount is a multiple of this.';
COMMENT ON COLUMN currency.payout_step IS 'The same for payouts.';
COMMENT ON COLUMN currency.minimum_charge IS 'The least that Stripe charges; NULL where it names no amount.';
