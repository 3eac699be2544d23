-- An entry that reverses another is its mirror image.
SELECT r.id AS entry_id, r.reverses, account_id, sum(amount) AS off
  FROM (SELECT e.id, e.reverses, p.account_id, p.amount FROM entry e JOIN posting p ON p.entry_id = e.id WHERE e.reverses IS NOT NULL
        UNION ALL
        SELECT e.id, e.reverses, p.account_id, p.amount FROM entry e JOIN posting p ON p.entry_id = e.reverses
         WHERE e.reverses IS NOT NULL) r
 GROUP BY r.id, r.reverses, account_id HAVING sum(amount) <> 0 ORDER BY r.id, account_id
