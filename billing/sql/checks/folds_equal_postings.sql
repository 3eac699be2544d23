-- The folded balance of an account is the sum of its numbered postings.
SELECT a.id AS account_id, a.code, f.amount AS folded, n.amount AS numbered, f.seq AS folded_to, n.seq AS numbered_to
  FROM account_fold f
  FULL JOIN (SELECT p.account_id, sum(p.amount) AS amount, max(s.seq) AS seq
               FROM ledger_seq s JOIN posting p ON p.entry_id = s.entry_id GROUP BY p.account_id) n USING (account_id)
  LEFT JOIN ledger_account a ON a.id = account_id
 WHERE f.amount IS DISTINCT FROM n.amount OR f.seq < n.seq OR f.seq > (SELECT max(seq) FROM ledger_seq) ORDER BY 1
