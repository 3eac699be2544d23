-- Each line of a statement moved the bank's account in the books once and by its amount; what left suspense was reversed there.
SELECT l.id AS line, l.state, trim_scale(l.amount) AS stated, trim_scale(b.amount) AS booked
  FROM bank_line l JOIN bank_account a ON a.id = l.account_id
  LEFT JOIN LATERAL (
      SELECT sum(p.amount) AS amount FROM posting p JOIN ledger_account c ON c.id = p.account_id
       WHERE p.entry_id = coalesce(l.entry_id, l.suspense_entry_id)
         AND (c.purpose, c.currency, c.entity) = ('CLEARING_BANK', a.currency, a.entity)) b ON true
 WHERE l.state <> 'NEW'
   AND (l.amount IS DISTINCT FROM b.amount
        OR l.suspense_entry_id IS NOT NULL
           AND (l.entry_id IS NOT NULL) <> EXISTS (SELECT 1 FROM entry WHERE reverses = l.suspense_entry_id))
 ORDER BY l.id
