-- Holds: money set aside for work before it starts. A hold has no expiry; it lives as long as its source (a job).

-- Open holds for many sources at once, each with its own verdict; a refusal never disturbs the others.
-- Scopes are locked once, in the order (kind, id). Without `p_wait` a row that somebody else has locked makes its items
-- `busy`; with it the call waits up to the session's lock timeout. Verdicts: ok, busy, insufficient_funds,
-- limit_exceeded; `scope_id` names the scope that refused.
CREATE FUNCTION hold_v1(p_sources bigint[], p_wallets bigint[], p_limits bigint[], p_amounts numeric[], p_wait boolean)
RETURNS TABLE (idx int, verdict text, hold_id bigint, scope_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    wanted bigint[];
    ids bigint[];
    free numeric[];
    raised numeric[];
    verdicts text[] := '{}';
    refused bigint[] := '{}';
    w int;
    k int;
BEGIN
    SELECT array_agg(DISTINCT s) INTO wanted FROM unnest(p_wallets || p_limits) s WHERE s IS NOT NULL;
    IF p_wait THEN
        SELECT array_agg(l.id), array_agg(l.free) INTO ids, free FROM (
            SELECT s.id, s.posted - s.held - s.floor AS free FROM scope s
             WHERE s.id = ANY (wanted) ORDER BY s.kind, s.id FOR NO KEY UPDATE) l;
    ELSE
        SELECT array_agg(l.id), array_agg(l.free) INTO ids, free FROM (
            SELECT s.id, s.posted - s.held - s.floor AS free FROM scope s
             WHERE s.id = ANY (wanted) ORDER BY s.kind, s.id FOR NO KEY UPDATE SKIP LOCKED) l;
    END IF;
    raised := array_fill(0::numeric, ARRAY[greatest(cardinality(ids), 1)]);
    FOR i IN 1 .. cardinality(p_sources) LOOP
        w := array_position(ids, p_wallets[i]);
        k := array_position(ids, p_limits[i]);
        IF w IS NULL OR (p_limits[i] IS NOT NULL AND k IS NULL) THEN
            verdicts[i] := 'busy';
        ELSIF k IS NOT NULL AND free[k] < p_amounts[i] THEN
            verdicts[i] := 'limit_exceeded';
            refused[i] := p_limits[i];
        ELSIF free[w] < p_amounts[i] THEN
            verdicts[i] := 'insufficient_funds';
            refused[i] := p_wallets[i];
        ELSE
            verdicts[i] := 'ok';
            free[w] := free[w] - p_amounts[i];
            raised[w] := raised[w] + p_amounts[i];
            IF k IS NOT NULL THEN
                free[k] := free[k] - p_amounts[i];
                raised[k] := raised[k] + p_amounts[i];
            END IF;
        END IF;
    END LOOP;
    UPDATE scope s SET held = s.held + r.amount FROM unnest(ids, raised) r(id, amount) WHERE s.id = r.id AND r.amount > 0;
    RETURN QUERY
    WITH item AS (
        SELECT i.n::int AS n, i.source, i.wallet, i.lim, i.amount, verdicts[i.n] AS verdict
          FROM unnest(p_sources, p_wallets, p_limits, p_amounts) WITH ORDINALITY AS i(source, wallet, lim, amount, n)
    ), opened AS (
        INSERT INTO hold (source, currency, amount, scopes)
        SELECT item.source, s.currency, item.amount, array_remove(ARRAY[item.wallet, item.lim], NULL)
          FROM item JOIN scope s ON s.id = item.wallet WHERE item.verdict = 'ok'
        RETURNING hold.id, hold.source
    )
    SELECT item.n, item.verdict, opened.id, refused[item.n] FROM item LEFT JOIN opened ON opened.source = item.source;
END $$;

-- Lower or raise what the scopes of these holds have set aside: `p_deltas` is added to each hold's share. One place for
-- the lock order, used by release, change and charge. A raise beyond what is free violates scope_never_overspent.
CREATE FUNCTION move_held_v1(p_holds bigint[], p_deltas numeric[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ids bigint[];
    deltas numeric[];
BEGIN
    SELECT array_agg(d.id), array_agg(d.delta) INTO ids, deltas FROM (
        SELECT s.id, sum(m.delta) AS delta
          FROM unnest(p_holds, p_deltas) m(hold, delta)
          CROSS JOIN LATERAL (SELECT scopes FROM hold WHERE id = m.hold OFFSET 0) h CROSS JOIN unnest(h.scopes) s(id)
         GROUP BY s.id HAVING sum(m.delta) <> 0) d;
    PERFORM 1 FROM scope WHERE id = ANY (ids) ORDER BY kind, id FOR NO KEY UPDATE;
    UPDATE scope s SET held = s.held + d.delta FROM unnest(ids, deltas) d(id, delta) WHERE s.id = d.id;
END $$;

-- Close holds whose work is over and give back what nothing was charged for. What charges that are not posted yet still
-- need stays held, and posting the last of them closes the hold. Holds that are closed already are left alone.
CREATE FUNCTION release_v1(p_holds bigint[]) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    ids bigint[];
    shares numeric[];
    rests numeric[];
BEGIN
    SELECT array_agg(l.id) INTO ids FROM (
        SELECT id FROM hold WHERE id = ANY (p_holds) AND state = 'OPEN' ORDER BY id FOR NO KEY UPDATE) l;
    IF ids IS NULL THEN
        RETURN 0;
    END IF;
    SELECT array_agg(h.id), array_agg(h.amount - h.released - coalesce(u.amount, 0)), array_agg(coalesce(u.amount, 0))
      INTO ids, shares, rests
      FROM hold h LEFT JOIN unposted_v1(ids) u ON u.hold_id = h.id WHERE h.id = ANY (ids);
    UPDATE hold h SET released = h.released + t.share, closing = true,
           state = CASE WHEN t.rest = 0 THEN 'CLOSED' ELSE 'OPEN' END, closed_at = CASE WHEN t.rest = 0 THEN now() END
      FROM unnest(ids, shares, rests) t(id, share, rest) WHERE h.id = t.id;
    PERFORM move_held_v1(ids, (SELECT array_agg(-s) FROM unnest(shares) s));
    RETURN cardinality(ids);
END $$;

-- Change an open hold to another amount (the next candidate's price). Answers insufficient_funds instead of raising, so
-- that the caller's other work stands; the verdict names no scope because either may be short.
CREATE FUNCTION change_hold_v1(p_hold bigint, p_amount numeric) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    h hold;
BEGIN
    SELECT * INTO h FROM hold WHERE id = p_hold AND state = 'OPEN' FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN 'closed';
    END IF;
    BEGIN
        PERFORM move_held_v1(ARRAY[h.id], ARRAY[p_amount - h.amount]);
        UPDATE hold SET amount = p_amount WHERE id = h.id;
    EXCEPTION WHEN check_violation THEN
        RETURN 'insufficient_funds';
    END;
    RETURN 'ok';
END $$;

REVOKE ALL ON FUNCTION hold_v1, move_held_v1, release_v1, change_hold_v1 FROM PUBLIC;
