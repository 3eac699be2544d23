-- What our books say Stripe has of ours is the sum of what Stripe told, and of payments that it has not told the cost of.
WITH booked AS (
    SELECT p.currency, sum(p.amount) AS amount
      FROM posting p JOIN entry e ON e.id = p.entry_id JOIN ledger_account a ON a.id = p.account_id
     WHERE a.purpose IN ('STRIPE_PENDING', 'CLEARING_STRIPE') AND e.kind IN ('STRIPE_TOPUP', 'STRIPE_BALANCE', 'STRIPE_AVAILABLE')
     GROUP BY p.currency
), told AS (
    SELECT currency, sum(amount) AS amount FROM (
        SELECT currency, net AS amount FROM stripe_balance_transaction WHERE entry_id IS NOT NULL
        UNION ALL
        SELECT t.currency, t.amount FROM stripe_top_up t
         WHERE t.state = 'PAID' AND NOT EXISTS (
            SELECT 1 FROM stripe_balance_transaction b WHERE b.source = t.charge_id AND b.reporting_category = 'charge')) x
     GROUP BY currency
)
SELECT currency, coalesce(booked.amount, 0) AS booked, coalesce(told.amount, 0) AS told
  FROM booked FULL JOIN told USING (currency)
 WHERE coalesce(booked.amount, 0) <> coalesce(told.amount, 0) ORDER BY currency
