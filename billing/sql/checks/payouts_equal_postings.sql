-- What is on its way to providers is exactly the payouts that are neither paid nor given back, in each currency.
WITH expected AS (
    SELECT currency, sum(amount) AS amount FROM payout WHERE state IN ('PLANNED', 'SENT', 'IN_TRANSIT') GROUP BY currency
), actual AS (
    SELECT a.currency, -sum(p.amount) AS amount FROM ledger_account a JOIN posting p ON p.account_id = a.id
     WHERE a.purpose = 'PAYOUT_IN_TRANSIT' GROUP BY a.currency
)
SELECT currency, coalesce(expected.amount, 0) AS payouts, coalesce(actual.amount, 0) AS posted
  FROM expected FULL JOIN actual USING (currency) WHERE coalesce(expected.amount, 0) <> coalesce(actual.amount, 0)
