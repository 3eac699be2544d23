-- The postings of a TAX entry are those of the one invoice whose tax it took, from the wallet to the entity's TAX account.
WITH expected AS (
    SELECT t.entry_id, x.account_id, x.amount
      FROM invoice_tax t JOIN invoice i ON i.id = t.invoice_id
      LEFT JOIN ledger_account a ON a.purpose = 'TAX' AND a.currency = i.currency AND a.entity = i.entity
     CROSS JOIN LATERAL (VALUES (t.account_id, t.amount), (a.id, -t.amount)) AS x(account_id, amount)
     WHERE t.entry_id IS NOT NULL
), actual AS (
    SELECT p.entry_id, p.account_id, p.amount FROM posting p JOIN entry e ON e.id = p.entry_id WHERE e.kind = 'TAX'
)
SELECT entry_id, account_id, expected.amount AS invoiced, actual.amount AS posted
  FROM expected FULL JOIN actual USING (entry_id, account_id)
 WHERE expected.amount IS DISTINCT FROM actual.amount ORDER BY entry_id, account_id
