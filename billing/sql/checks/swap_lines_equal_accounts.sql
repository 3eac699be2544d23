-- What is drawn from a line is the sum of its movements, and each of them is its entry's.
SELECT l.id, l.drawn, coalesce(m.amount, 0) AS moved
  FROM swap_line l LEFT JOIN (SELECT line_id, sum(amount) AS amount FROM swap_movement GROUP BY line_id) m ON m.line_id = l.id
 WHERE l.drawn <> coalesce(m.amount, 0)
UNION ALL
SELECT m.line_id, m.amount, -p.amount
  FROM swap_movement m LEFT JOIN posting p ON p.entry_id = m.entry_id AND p.account_id = (
      SELECT a.id FROM ledger_account a JOIN swap_line l ON l.id = m.line_id
       WHERE a.purpose = 'SWAP_LINE' AND a.currency = l.currency AND a.entity = 'HK')
 WHERE m.amount IS DISTINCT FROM -p.amount
 ORDER BY 1
