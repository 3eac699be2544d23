-- Each link of the chain is SHA-256 over the link before it and the text of its entry. The text is put together here once
-- more, so that a changed function shows too.
WITH body AS (
    SELECT e.id, jsonb_build_array(e.id, e.key, e.kind, e.actor, e.reason, e.reverses, extract(epoch FROM e.happened_at)::text,
                                   jsonb_agg(jsonb_build_array(p.seq, a.code, p.currency, p.amount::text) ORDER BY p.seq))::text AS text
      FROM entry e JOIN posting p ON p.entry_id = e.id JOIN ledger_account a ON a.id = p.account_id GROUP BY e.id
), link AS (
    SELECT s.seq, s.entry_id, s.chain, coalesce(lag(s.chain) OVER (ORDER BY s.seq), sha256('jouleport ledger')) AS previous
      FROM ledger_seq s
)
SELECT link.seq, link.entry_id FROM link LEFT JOIN body ON body.id = link.entry_id
 WHERE link.chain IS DISTINCT FROM sha256(link.previous || convert_to(body.text, 'UTF8')) ORDER BY link.seq
