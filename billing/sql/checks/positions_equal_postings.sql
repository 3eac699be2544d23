-- A position is the sum of its legs, which are the postings of its account up to where they were told; what all positions cost
-- comes to the gains that are not told yet.
SELECT a.code, p.amount, coalesce(l.amount, 0) AS legs, p.book_value, coalesce(l.book, 0) AS legs_book
  FROM fx_position p JOIN ledger_account a ON a.id = p.account_id
  LEFT JOIN (SELECT account_id, sum(amount) AS amount, sum(book) AS book FROM fx_leg GROUP BY account_id) l
    ON l.account_id = p.account_id
 WHERE p.amount <> coalesce(l.amount, 0) OR p.book_value <> coalesce(l.book, 0)
UNION ALL
SELECT a.code, t.amount, sum(l.amount), NULL, NULL
  FROM (SELECT p.account_id, -sum(p.amount) AS amount
          FROM posting p JOIN ledger_account x ON x.id = p.account_id AND x.purpose = 'FX_POSITION'
          JOIN ledger_seq s ON s.entry_id = p.entry_id
         WHERE s.seq <= (SELECT max(seq) FROM fx_cursor) GROUP BY p.account_id) t
  JOIN ledger_account a ON a.id = t.account_id LEFT JOIN fx_leg l ON l.account_id = t.account_id
 GROUP BY a.code, t.amount HAVING t.amount <> coalesce(sum(l.amount), 0)
 ORDER BY 1
