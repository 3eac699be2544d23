-- Ledger numbers run from one without a gap.
SELECT seq, entry_id, place FROM (SELECT seq, entry_id, row_number() OVER (ORDER BY seq) AS place FROM ledger_seq) n
 WHERE seq <> place ORDER BY seq
