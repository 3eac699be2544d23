-- Each payout left what is owed once, was paid from clearing at most once, and came back at most once, each with its amount.
WITH expected AS (
    SELECT p.id, 'PAYOUT' AS kind, p.amount FROM payout p
     UNION ALL
    SELECT p.id, 'PAYOUT_PAID', p.amount FROM payout p WHERE p.paid_at IS NOT NULL
     UNION ALL
    SELECT p.id, 'PAYOUT_RETURNED', p.amount + p.tax FROM payout p WHERE p.state IN ('RETURNED', 'FAILED')
), actual AS (
    SELECT s.payout_id AS id, e.kind, (SELECT sum(o.amount) FROM posting o WHERE o.entry_id = e.id AND o.amount > 0) AS amount
      FROM entry e LEFT JOIN payout_step s ON s.entry_id = e.id WHERE e.kind IN ('PAYOUT', 'PAYOUT_PAID', 'PAYOUT_RETURNED')
)
SELECT id AS payout, kind, count(expected.amount) AS expected, count(actual.amount) AS entries
  FROM expected FULL JOIN actual USING (id, kind)
 GROUP BY id, kind
HAVING count(*) > 1 OR bool_or(expected.amount IS DISTINCT FROM actual.amount) ORDER BY id, kind
