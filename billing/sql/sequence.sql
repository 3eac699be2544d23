-- Give committed entries their gap-free numbers, link the chain, fold balances.

-- The text of an entry that the chain signs: everything that gives it meaning, postings in order.
CREATE FUNCTION entry_text(p_entry bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT jsonb_build_array(e.id, e.key, e.kind, e.actor, e.reason, e.reverses, extract(epoch FROM e.happened_at)::text,
                             jsonb_agg(jsonb_build_array(p.seq, a.code, p.currency, p.amount::text) ORDER BY p.seq))::text
      FROM entry e JOIN posting p ON p.entry_id = e.id JOIN ledger_account a ON a.id = p.account_id
     WHERE e.id = p_entry GROUP BY e.id
$$;

-- Every transaction below the snapshot's xmin is over, so the entries between the cursor and this xmin are complete. After a
-- restore into another cluster the cursor starts over, with the entries of the old cluster first. At most 5,000 entries a
-- call, so that a long backlog is worked off in steps; returns how many got a number.
CREATE FUNCTION sequence_entries_v1() RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    batch CONSTANT int := 5000;
    here bigint := ledger_cluster();
    now_xmin xid8;
    cursor_row ledger_cursor;
    at_home boolean;
    from_xid xid8;
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
    at_home := cursor_row.cluster IS NOT DISTINCT FROM here;
    from_xid := CASE WHEN at_home THEN cursor_row.xid ELSE '0' END;
    FOR e IN
        SELECT n.id, n.xid FROM (
            SELECT false AS is_here, f.xid, f.id FROM entry f WHERE NOT at_home AND f.cluster <> here
            UNION ALL
            SELECT true, h.xid, h.id FROM entry h WHERE h.cluster = here AND h.xid >= from_xid AND h.xid < now_xmin) n
         WHERE NOT EXISTS (SELECT 1 FROM ledger_seq s WHERE s.entry_id = n.id)
         ORDER BY n.is_here, n.xid, n.id LIMIT batch
    LOOP
        from_xid := e.xid;
        last_seq := last_seq + 1;
        numbered := numbered + 1;
        link := sha256(link || convert_to(entry_text(e.id), 'UTF8'));
        INSERT INTO ledger_seq (seq, entry_id, chain) VALUES (last_seq, e.id, link);
    END LOOP;
    IF at_home OR numbered < batch THEN
        INSERT INTO ledger_cursor (cluster, xid) VALUES (here, CASE WHEN numbered < batch THEN now_xmin ELSE from_xid END)
            ON CONFLICT (only_one) DO UPDATE SET cluster = EXCLUDED.cluster, xid = EXCLUDED.xid;
    END IF;
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
             SELECT sum(p.amount) FROM (
                    SELECT x.id FROM entry x
                     WHERE x.cluster = coalesce((SELECT cluster FROM ledger_cursor), ledger_cluster())
                       AND x.xid >= coalesce((SELECT xid FROM ledger_cursor), '0'::xid8)
                    UNION ALL  -- after a restore: everything made since, before the sequencer first ran here
                    SELECT x.id FROM entry x WHERE x.cluster < (SELECT cluster FROM ledger_cursor)
                    UNION ALL
                    SELECT x.id FROM entry x WHERE x.cluster > (SELECT cluster FROM ledger_cursor)) e
               JOIN posting p ON p.entry_id = e.id AND p.account_id = a.id
              WHERE NOT EXISTS (SELECT 1 FROM ledger_seq s WHERE s.entry_id = e.id)), 0))
      FROM ledger_account a LEFT JOIN account_fold f ON f.account_id = a.id WHERE a.id = p_account
$$;

REVOKE ALL ON FUNCTION sequence_entries_v1, balance_v1, entry_text FROM PUBLIC;
GRANT EXECUTE ON FUNCTION sequence_entries_v1, balance_v1 TO :app_role;
