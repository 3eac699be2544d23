-- The postings of a charge entry are the sums of its charges: from the wallet, to the payables, the fee, the overrun; where the
-- price is in another currency, through the positions of both, and the rest is the spread.
WITH expected AS (
    SELECT e.entry_id, x.account_id, sum(x.amount) AS amount
      FROM charge_entry e JOIN charge c ON c.usage_id = e.usage_id JOIN sale l ON l.usage_id = c.usage_id
      JOIN scope s ON s.id = c.wallet_id
      LEFT JOIN charge_conversion v ON v.usage_id = c.usage_id
      LEFT JOIN ledger_account f ON f.purpose = 'PLATFORM_FEE' AND f.currency = l.currency
      LEFT JOIN ledger_account o ON o.purpose = 'OVERRUN' AND o.currency = l.currency
      LEFT JOIN ledger_account p ON p.purpose = 'FX_POSITION' AND p.currency = c.currency AND v.usage_id IS NOT NULL
      LEFT JOIN ledger_account q ON q.purpose = 'FX_POSITION' AND q.currency = v.currency
      LEFT JOIN ledger_account r ON r.purpose = 'FX_SPREAD' AND r.currency = c.currency AND v.usage_id IS NOT NULL
     CROSS JOIN LATERAL (VALUES
         (s.account_id, c.amount), (c.payable_id, l.fee - l.amount - l.overrun), (f.id, -l.fee), (o.id, l.overrun),
         (p.id, -v.mid_amount), (r.id, v.mid_amount - c.amount), (q.id, v.amount)
     ) AS x(account_id, amount)
     WHERE x.amount IS NOT NULL
     GROUP BY e.entry_id, x.account_id HAVING sum(x.amount) <> 0
), actual AS (
    SELECT p.entry_id, p.account_id, sum(p.amount) AS amount
      FROM posting p JOIN entry e ON e.id = p.entry_id WHERE e.kind = 'CHARGE' GROUP BY p.entry_id, p.account_id
)
SELECT entry_id, account_id, expected.amount AS charges, actual.amount AS postings
  FROM expected FULL JOIN actual USING (entry_id, account_id)
 WHERE expected.amount IS DISTINCT FROM actual.amount ORDER BY entry_id, account_id
