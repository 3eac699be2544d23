-- The postings of a HEAT entry are those of the one heat charge that names it: from the wallet, to the payable and the fee.
WITH expected AS (
    SELECT h.entry_id, x.account_id, x.amount
      FROM heat_charge h JOIN scope s ON s.id = h.wallet_id
      LEFT JOIN ledger_account f ON f.purpose = 'HEAT' AND f.currency = h.currency
     CROSS JOIN LATERAL (VALUES (s.account_id, h.amount), (h.payable_id, h.fee - h.amount), (f.id, -h.fee)) AS x(account_id, amount)
     WHERE h.entry_id IS NOT NULL AND x.amount <> 0
), actual AS (
    SELECT p.entry_id, p.account_id, p.amount FROM posting p JOIN entry e ON e.id = p.entry_id WHERE e.kind = 'HEAT'
)
SELECT entry_id, account_id, expected.amount AS charged, actual.amount AS posted
  FROM expected FULL JOIN actual USING (entry_id, account_id)
 WHERE expected.amount IS DISTINCT FROM actual.amount ORDER BY entry_id, account_id
