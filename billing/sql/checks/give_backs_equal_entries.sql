-- What was given back stands in the entries that gave it, is never more than was paid, and leaves what the final price makes
-- of the charge; only charges that were refunded have nothing left to give. What was converted goes back as it came.
WITH expected AS (
    SELECT g.entry_id, x.account_id, sum(x.amount) AS amount
      FROM give_back g JOIN charge c ON c.usage_id = g.usage_id JOIN sale l ON l.usage_id = c.usage_id
      JOIN scope s ON s.id = c.wallet_id
      LEFT JOIN give_back_conversion v ON v.usage_id = g.usage_id
      LEFT JOIN ledger_account f ON f.purpose = 'PLATFORM_FEE' AND f.currency = l.currency
      LEFT JOIN ledger_account o ON o.purpose = 'OVERRUN' AND o.currency = l.currency
      LEFT JOIN ledger_account p ON p.purpose = 'FX_POSITION' AND p.currency = c.currency AND v.usage_id IS NOT NULL
      LEFT JOIN ledger_account q ON q.purpose = 'FX_POSITION' AND q.currency = l.currency AND v.usage_id IS NOT NULL
      LEFT JOIN ledger_account r ON r.purpose = 'FX_SPREAD' AND r.currency = c.currency AND v.usage_id IS NOT NULL
     CROSS JOIN LATERAL (SELECT coalesce(v.amount, g.amount) AS amount, coalesce(v.fee, g.fee) AS fee,
                                coalesce(v.overrun, g.overrun) AS overrun) b
     CROSS JOIN LATERAL (VALUES
         (s.account_id, -g.amount), (c.payable_id, b.amount - b.fee + b.overrun), (f.id, b.fee), (o.id, -b.overrun),
         (p.id, v.mid_amount), (r.id, g.amount - v.mid_amount), (q.id, -v.amount)
     ) AS x(account_id, amount)
     WHERE g.entry_id IS NOT NULL AND x.amount IS NOT NULL
     GROUP BY g.entry_id, x.account_id HAVING sum(x.amount) <> 0
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
  LEFT JOIN charge_conversion k ON k.usage_id = g.usage_id LEFT JOIN give_back_conversion v ON v.usage_id = g.usage_id
 WHERE c.usage_id IS NULL OR g.fee > c.fee OR g.overrun > c.overrun
    OR (k.usage_id IS NULL) <> (v.usage_id IS NULL)
    OR v.amount > k.amount OR v.fee > k.fee OR v.overrun > k.overrun OR v.mid_amount > k.mid_amount
    OR (g.amount <> c.amount - least(c.amount, g.rated)
        AND NOT (g.amount = 0 AND EXISTS (SELECT 1 FROM entry r WHERE r.key = 'refund:usage:' || g.usage_id)))
UNION ALL
SELECT NULL, NULL, v.usage_id, v.amount, NULL FROM give_back_conversion v
 WHERE NOT EXISTS (SELECT 1 FROM give_back g WHERE g.usage_id = v.usage_id)
 ORDER BY 1, 2, 3
