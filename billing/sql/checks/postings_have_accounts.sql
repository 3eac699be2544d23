-- Every posting belongs to an entry and to an account of its own currency, and its amount is a number.
SELECT p.entry_id, p.seq, p.account_id, p.currency, p.amount, a.currency AS account_currency, e.id IS NULL AS without_entry
  FROM posting p LEFT JOIN ledger_account a ON a.id = p.account_id LEFT JOIN entry e ON e.id = p.entry_id
 WHERE a.id IS NULL OR e.id IS NULL OR a.currency <> p.currency OR p.amount = 0 OR p.amount = 'NaN'
 ORDER BY p.entry_id, p.seq
