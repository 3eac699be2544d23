-- The sequencer has passed no entry by, and numbered none that does not exist.
SELECT e.id AS entry_id, e.key, NULL::bigint AS seq
  FROM entry e JOIN ledger_cursor c ON c.cluster = e.cluster AND e.xid < c.xid
 WHERE NOT EXISTS (SELECT 1 FROM ledger_seq s WHERE s.entry_id = e.id)
UNION ALL
SELECT s.entry_id, NULL, s.seq FROM ledger_seq s WHERE NOT EXISTS (SELECT 1 FROM entry e WHERE e.id = s.entry_id)
 ORDER BY 1
