-- The postings of a charge entry are the sums of its charges: from the wallet, to the payables, the fee, the overrun.
WITH expected AS (
    SELECT e.entry_id, x.account_id, sum(x.amount) AS amount
      FROM charge_entry e JOIN charge c ON c.usage_id = e.usage_id JOIN scope s ON s.id = c.wallet_id
      LEFT JOIN ledger_account f ON f.purpose = 'PLATFORM_FEE' AND f.currency = c.currency
      LEFT JOIN ledger_account o ON o.purpose = 'OVERRUN' AND o.currency = c.currency
     CROSS JOIN LATERAL (VALUES
         (s.account_id, c.amount), (c.payable_id, c.fee - c.amount - c.overrun), (f.id, -c.fee), (o.id, c.overrun)
     ) AS x(account_id, amount)
     GROUP BY e.entry_id, x.account_id HAVING sum(x.amount) <> 0
), actual AS (
    SELECT p.entry_id, p.account_id, sum(p.amount) AS amount
      FROM posting p JOIN entry e ON e.id = p.entry_id WHERE e.kind = 'CHARGE' GROUP BY p.entry_id, p.account_id
)
SELECT entry_id, account_id, expected.amount AS charges, actual.amount AS postings
  FROM expected FULL JOIN actual USING (entry_id, account_id)
 WHERE expected.amount IS DISTINCT FROM actual.amount ORDER BY entry_id, account_id
