-- Every entry has at least two postings, and they are its legs.
SELECT e.id AS entry_id, e.key, cardinality(e.accounts) AS legs, count(p.entry_id) AS postings
  FROM entry e LEFT JOIN posting p ON p.entry_id = e.id GROUP BY e.id
HAVING count(p.entry_id) < 2 OR array_agg(p.account_id ORDER BY p.seq) <> e.accounts OR array_agg(p.amount ORDER BY p.seq) <> e.amounts
 ORDER BY e.id
