-- What is folded of each provider's earnings is the sum of its payable postings up to the cursor, for each account and day.
WITH folded AS (
    SELECT account_id, day, sum(earned + taken) AS amount FROM income_day GROUP BY account_id, day
), posted AS (
    SELECT p.account_id, booked_day(e.booked_on, e.happened_at) AS day, -sum(p.amount) AS amount
      FROM ledger_seq n JOIN entry e ON e.id = n.entry_id LEFT JOIN entry r ON r.id = e.reverses
      JOIN posting p ON p.entry_id = e.id
      JOIN ledger_account a ON a.id = p.account_id AND a.purpose = 'PAYABLE'
     WHERE n.seq <= coalesce((SELECT folded_to FROM income_cursor), 0) AND coalesce(r.kind, e.kind) = ANY (invoiced_kinds())
     GROUP BY 1, 2
)
SELECT account_id, day, coalesce(folded.amount, 0) AS folded, coalesce(posted.amount, 0) AS posted
  FROM folded FULL JOIN posted USING (account_id, day)
 WHERE coalesce(folded.amount, 0) <> coalesce(posted.amount, 0)
 ORDER BY account_id, day
