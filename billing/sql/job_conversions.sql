-- Work that is paid from a wallet in another currency than its price.
--
-- The hold locks a quote when the job is admitted and is in the wallet's currency, with what it covers in the price's beside
-- it. A charge says what the wallet pays; what was sold for it, in the price's currency, is its conversion. Each of the two
-- is rounded once, from the exact price.

ALTER TABLE hold
    ADD COLUMN quote_id bigint,
    ADD COLUMN price_currency text,
    ADD COLUMN price_amount numeric(38, 9),
    DROP CONSTRAINT hold_is_sound,
    ADD CONSTRAINT hold_is_sound CHECK (
        0 <= released AND released <= amount AND cardinality(scopes) >= 1
        AND CASE state WHEN 'OPEN' THEN true WHEN 'CLOSED' THEN released = amount AND closed_at IS NOT NULL ELSE false END
        AND CASE WHEN quote_id IS NULL THEN price_currency IS NULL AND price_amount IS NULL
                 ELSE (price_currency <> currency AND price_amount >= 0 AND price_amount < 'Infinity') IS TRUE END);
COMMENT ON COLUMN hold.price_amount IS 'What it covers in the currency of the price, where that is not the wallet''s.';

CREATE TABLE charge_conversion (
    usage_id   bigint PRIMARY KEY,
    quote_id   bigint NOT NULL,
    currency   text NOT NULL,
    amount     numeric(38, 9) NOT NULL,
    fee        numeric(38, 9) NOT NULL,
    overrun    numeric(38, 9) NOT NULL,
    mid_amount numeric(38, 9) NOT NULL,
    CONSTRAINT charge_conversion_is_sound CHECK (
        0 <= fee AND fee <= amount AND overrun >= 0 AND mid_amount >= 0 AND greatest(amount, overrun, mid_amount) < 'Infinity')
) PARTITION BY RANGE (usage_id);
COMMENT ON TABLE charge_conversion IS
    'What was sold for a charge, in the currency of its price: the provider gets amount - fee + overrun of it.';
COMMENT ON COLUMN charge_conversion.mid_amount IS
    'The part of the charge, in the wallet''s currency, that the amount is worth at the middle rate; the rest is the spread.';

-- The same of what was given back of a converted charge.
CREATE TABLE give_back_conversion (
    usage_id   bigint PRIMARY KEY,
    amount     numeric(38, 9) NOT NULL,
    fee        numeric(38, 9) NOT NULL,
    overrun    numeric(38, 9) NOT NULL,
    mid_amount numeric(38, 9) NOT NULL,
    CONSTRAINT give_back_conversion_is_sound CHECK (
        0 <= fee AND fee <= amount AND overrun >= 0 AND mid_amount >= 0 AND greatest(amount, overrun, mid_amount) < 'Infinity')
) PARTITION BY RANGE (usage_id);

CREATE TRIGGER charge_conversion_append_only BEFORE UPDATE OR DELETE ON charge_conversion
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER charge_conversion_no_truncate BEFORE TRUNCATE ON charge_conversion
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER give_back_conversion_append_only BEFORE UPDATE OR DELETE ON give_back_conversion
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER give_back_conversion_no_truncate BEFORE TRUNCATE ON give_back_conversion
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

INSERT INTO partitioned_table (parent, sequence, width) VALUES
    ('charge_conversion', 'usage_id_seq', 5000000), ('give_back_conversion', 'usage_id_seq', 5000000);
SELECT ensure_partitions_v1();

-- Charges as their providers see them: in the currency of the price.
CREATE VIEW sale AS
SELECT c.usage_id, c.hold_id, c.wallet_id, c.payable_id, coalesce(v.currency, c.currency) AS currency,
       coalesce(v.amount, c.amount) AS amount, coalesce(v.fee, c.fee) AS fee, coalesce(v.overrun, c.overrun) AS overrun,
       c.rated_at, v.quote_id
  FROM charge c LEFT JOIN charge_conversion v ON v.usage_id = c.usage_id;

REVOKE ALL ON charge_conversion, give_back_conversion, sale FROM PUBLIC, :app_role;
GRANT SELECT ON charge_conversion, give_back_conversion, sale TO :app_role;
