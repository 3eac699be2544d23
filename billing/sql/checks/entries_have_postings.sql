-- Every entry has at least two postings.
SELECT e.id AS entry_id, e.key, count(p.entry_id) AS postings
  FROM entry e LEFT JOIN posting p ON p.entry_id = e.id GROUP BY e.id HAVING count(p.entry_id) < 2 ORDER BY e.id
