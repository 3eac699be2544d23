-- Test money: XTS, the code that ISO 4217 reserves for testing. It buys answers of simulated upstreams, is given away, and
-- is never paid out. Every entry balances in each of its currencies, so books in XTS and books in money cannot mix.

ALTER TABLE currency
    DROP CONSTRAINT currency_kind_check,
    ADD CONSTRAINT currency_kind_check CHECK (kind IN ('FIAT', 'STABLECOIN', 'TEST')),
    ADD CONSTRAINT currency_test_is_xts CHECK ((kind = 'TEST') = (code = 'XTS'));
INSERT INTO currency (code, name, kind, exponent) VALUES ('XTS', 'Test money', 'TEST', 2);

INSERT INTO account_purpose (purpose, prefix, category, owned) VALUES ('TEST_MONEY', 'equity:test_money', 'EQUITY', false);
-- No bank, no exchange, no payout: XTS comes from nothing and goes nowhere.
ALTER TABLE ledger_account ADD CONSTRAINT ledger_account_test_money CHECK (
    CASE WHEN currency = 'XTS' THEN purpose IN ('WALLET', 'PAYABLE', 'HELD_EARNINGS', 'PLATFORM_FEE', 'OVERRUN', 'TEST_MONEY')
         ELSE purpose <> 'TEST_MONEY' END);
