-- What was sent back at Stripe, by a person and without us, is taken from the wallet when it is told. What of it had been spent by
-- then is owed by the organization.
INSERT INTO account_purpose (purpose, prefix, category, owned) VALUES
    ('REFUND_RECEIVABLE', 'asset:refund_receivable', 'ASSET', true)
ON CONFLICT DO NOTHING;

ALTER TABLE stripe_refund
    ADD COLUMN uncovered numeric(38, 9) NOT NULL DEFAULT 0,
    ADD CONSTRAINT stripe_refund_uncovered CHECK (uncovered BETWEEN 0 AND amount AND (uncovered = 0 OR refund_id IS NOT NULL));

-- Test money that was given away in a day, to an organization or to a person in all organizations. The bound is the database's.
CREATE TABLE test_money_given (
    holder text NOT NULL,
    day    date NOT NULL,
    amount numeric(38, 9) NOT NULL,
    PRIMARY KEY (holder, day),
    CONSTRAINT test_money_given_bound CHECK (
        holder ~ '^(organization|person):' AND amount > 0 AND amount <= CASE WHEN holder LIKE 'person:%' THEN 10000 ELSE 5000 END)
);

-- Count what is given; the bound refuses what is too much.
CREATE OR REPLACE FUNCTION count_test_money_v1(p_holders text[], p_day date, p_amount numeric) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO test_money_given AS given (holder, day, amount)
    -- In one order, so that of two that give to the same holders neither waits for the other.
    SELECT holder, p_day, p_amount FROM unnest(p_holders) AS holder ORDER BY holder
    ON CONFLICT (holder, day) DO UPDATE SET amount = given.amount + EXCLUDED.amount
$$;

REVOKE ALL ON test_money_given FROM PUBLIC, :app_role;
GRANT SELECT ON test_money_given TO :app_role;
REVOKE ALL ON FUNCTION count_test_money_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION count_test_money_v1 TO :app_role;
