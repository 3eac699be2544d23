-- Give committed entries their gap-free numbers, link the chain, fold balances.

-- The text of an entry that the chain signs: everything that gives it meaning, postings in order.
CREATE FUNCTION entry_text(p_entry bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT concat_ws('|', e.id, e.key, e.kind, e.actor, e.reason, e.reverses, extract(epoch FROM e.happened_at)::text,
                     string_agg(p.seq || ':' || a.code || ':' || p.currency || ':' || p.amount, ',' ORDER BY p.seq))
      FROM entry e JOIN posting p ON p.entry_id = e.id JOIN ledger_account a ON a.id = p.account_id
     WHERE e.id = p_entry GROUP BY e.id
$$;

-- Every transaction below the snapshot's xmin is over, so the entries between the last xmin and this one are complete and
-- none of them was numbered before. After a restore into another cluster the cursor starts over and skips numbered ones.
-- Returns how many entries got a number.
CREATE FUNCTION sequence_entries_v1() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    here bigint := ledger_cluster();
    now_xmin xid8 := pg_snapshot_xmin(pg_current_snapshot());
    cursor_row ledger_cursor;
    last_seq bigint;
    link bytea;
    numbered int := 0;
    e record;
BEGIN
    IF NOT pg_try_advisory_xact_lock(hashtext('sequence_entries')) THEN
        RETURN 0;  -- another sequencer is at it
    END IF;
    now_xmin := pg_snapshot_xmin(pg_current_snapshot());
    SELECT * INTO cursor_row FROM ledger_cursor;
    SELECT seq, chain INTO last_seq, link FROM ledger_seq ORDER BY seq DESC LIMIT 1;
    last_seq := coalesce(last_seq, 0);
    link := coalesce(link, sha256('jouleport ledger'));
    FOR e IN
        SELECT n.id FROM entry n
         WHERE CASE WHEN cursor_row.cluster = here
                    THEN n.cluster = here AND n.xid >= cursor_row.xid AND n.xid < now_xmin
                    ELSE (n.cluster <> here OR n.xid < now_xmin) AND NOT EXISTS (SELECT 1 FROM ledger_seq s WHERE s.entry_id = n.id)
               END
         ORDER BY n.cluster = here, n.xid, n.id
    LOOP
        last_seq := last_seq + 1;
        numbered := numbered + 1;
        link := sha256(link || convert_to(entry_text(e.id), 'UTF8'));
        INSERT INTO ledger_seq (seq, entry_id, chain) VALUES (last_seq, e.id, link);
    END LOOP;
    INSERT INTO ledger_cursor (cluster, xid) VALUES (here, now_xmin)
        ON CONFLICT (only_one) DO UPDATE SET cluster = EXCLUDED.cluster, xid = EXCLUDED.xid;
    IF numbered > 0 THEN
        INSERT INTO account_fold AS f (account_id, seq, amount)
        SELECT p.account_id, last_seq, sum(p.amount)
          FROM ledger_seq s JOIN posting p ON p.entry_id = s.entry_id
         WHERE s.seq > last_seq - numbered GROUP BY p.account_id
        ON CONFLICT (account_id) DO UPDATE SET seq = EXCLUDED.seq, amount = f.amount + EXCLUDED.amount;
    END IF;
    RETURN numbered;
END $$;

-- An account's balance in its usual sense: what is folded, and the few entries since the sequencer's cursor.
CREATE FUNCTION balance_v1(p_account bigint) RETURNS numeric
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT a.normal * (coalesce(f.amount, 0) + coalesce((
             SELECT sum(p.amount) FROM entry e JOIN posting p ON p.entry_id = e.id AND p.account_id = a.id
              WHERE e.xid >= coalesce((SELECT xid FROM ledger_cursor), '0'::xid8)
                AND NOT EXISTS (SELECT 1 FROM ledger_seq s WHERE s.entry_id = e.id)), 0))
      FROM ledger_account a LEFT JOIN account_fold f ON f.account_id = a.id WHERE a.id = p_account
$$;

REVOKE ALL ON FUNCTION sequence_entries_v1, balance_v1, entry_text FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sequence_entries_v1, balance_v1 TO :app_role;
