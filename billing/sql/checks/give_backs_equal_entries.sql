-- What was given back stands in the entries that gave it, is never more than was paid, and leaves what the final price makes
-- of the charge; only charges that were refunded have nothing left to give.
WITH expected AS (
    SELECT g.entry_id, x.account_id, sum(x.amount) AS amount
      FROM give_back g JOIN charge c ON c.usage_id = g.usage_id JOIN scope s ON s.id = c.wallet_id
      LEFT JOIN ledger_account f ON f.purpose = 'PLATFORM_FEE' AND f.currency = c.currency
      LEFT JOIN ledger_account o ON o.purpose = 'OVERRUN' AND o.currency = c.currency
     CROSS JOIN LATERAL (VALUES
         (s.account_id, -g.amount), (c.payable_id, g.amount - g.fee + g.overrun), (f.id, g.fee), (o.id, -g.overrun)
     ) AS x(account_id, amount)
     WHERE g.entry_id IS NOT NULL GROUP BY g.entry_id, x.account_id HAVING sum(x.amount) <> 0
), actual AS (
    SELECT p.entry_id, p.account_id, sum(p.amount) AS amount
      FROM posting p JOIN entry e ON e.id = p.entry_id WHERE e.kind = 'GIVE_BACK' GROUP BY p.entry_id, p.account_id
)
SELECT entry_id, account_id, NULL::bigint AS usage_id, expected.amount AS given, actual.amount AS postings
  FROM expected FULL JOIN actual USING (entry_id, account_id)
 WHERE expected.amount IS DISTINCT FROM actual.amount
UNION ALL
SELECT g.entry_id, NULL, g.usage_id, g.amount, c.amount - least(c.amount, g.rated)
  FROM give_back g LEFT JOIN charge c ON c.usage_id = g.usage_id
 WHERE c.usage_id IS NULL OR g.fee > c.fee OR g.overrun > c.overrun
    OR (g.amount <> c.amount - least(c.amount, g.rated)
        AND NOT (g.amount = 0 AND EXISTS (SELECT 1 FROM entry r WHERE r.key = 'refund:usage:' || g.usage_id)))
 ORDER BY 1, 2, 3
