-- Holds: money set aside for work before it starts. A hold has no expiry; it lives as long as its source (a job).

-- Open holds for many sources at once, each with its own verdict; a refusal never disturbs the others.
-- Each item names its wallet and whose limits apply: a key, a member, a project (NULL for none). The limits in force are
-- found here, and the rows of periods that have begun are made. Scopes are then locked once, in the order (kind, id).
-- Without `p_wait` a row that somebody else has locked makes its items `busy`; with it the call waits up to the session's
-- lock timeout. Verdicts: ok, busy, insufficient_funds, key_/member_/project_limit_exceeded, limit_in_other_currency (what
-- is limited at all is limited in every currency); `scope_id` names the scope that refused. An item without a wallet is
-- passed over, as busy.
CREATE OR REPLACE FUNCTION hold_v2(
    p_sources bigint[], p_wallets bigint[], p_amounts numeric[],
    p_keys bigint[], p_members bigint[], p_projects bigint[], p_wait boolean
) RETURNS TABLE (idx int, verdict text, hold_id bigint, scope_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan
SET enable_seqscan = off SET enable_mergejoin = off SET enable_hashjoin = off AS $$
#variable_conflict use_column
DECLARE
    limits bigint[];     -- limits that may apply, and of each its subject, currency and current row
    kinds smallint[];
    subjects bigint[];
    owners bigint[];
    currencies text[];
    rows bigint[];
    late boolean;
    late_limits boolean[];
    rules bigint[] := '{}';       -- the rows of all items, one item after the other; NULL: only other currencies
    rule_kinds smallint[] := '{}';
    rule_rows bigint[] := '{}';   -- what to name where a rule is NULL
    rule_late boolean[] := '{}';
    firsts int[];
    lasts int[];
    ids bigint[];
    free numeric[];
    raised numeric[];
    verdicts text[] := '{}';
    refused bigint[] := array_fill(NULL::bigint, ARRAY[cardinality(p_sources)]);
    w int;
    k int;
BEGIN
    FOR turn IN 1 .. 2 LOOP
        SELECT array_agg(l.id), array_agg(l.kind), array_agg(l.subject_id), array_agg(l.organization_id),
               array_agg(l.currency), array_agg(l.scope_id), array_agg(coalesce(l.turns_at <= now(), false)),
               bool_or(l.turns_at <= now())
          INTO limits, kinds, subjects, owners, currencies, rows, late_limits, late FROM (
            SELECT * FROM spending_limit WHERE kind = 4 AND subject_id = ANY (p_keys) AND ended_at IS NULL
             UNION ALL
            SELECT * FROM spending_limit WHERE kind = 3 AND subject_id = ANY (p_members) AND ended_at IS NULL
             UNION ALL
            SELECT * FROM spending_limit WHERE kind = 2 AND subject_id = ANY (p_projects) AND ended_at IS NULL) l;
        EXIT WHEN late IS NOT TRUE OR turn = 2;
        PERFORM turn_limits_v1(limits, p_wait);
    END LOOP;
    firsts := array_fill(1, ARRAY[cardinality(p_sources)]);
    lasts := array_fill(0, ARRAY[cardinality(p_sources)]);
    IF limits IS NOT NULL THEN
        WITH rule AS (
            -- The narrowest first: it is the one to be named.
            SELECT i.n, l.kind, l.scope, l.late, l.currency = s.currency AS applies
              FROM unnest(p_wallets, p_keys, p_members, p_projects) WITH ORDINALITY i(wallet, key, member, project, n)
              CROSS JOIN LATERAL (SELECT currency, organization_id FROM scope WHERE id = i.wallet OFFSET 0) s
              JOIN unnest(kinds, subjects, owners, currencies, rows, late_limits) l(kind, subject, owner, currency, scope, late)
                ON l.subject = CASE l.kind WHEN 4 THEN i.key WHEN 3 THEN i.member ELSE i.project END
               AND l.owner = s.organization_id AND (l.currency = 'XTS') = (s.currency = 'XTS')
        ), kept AS (
            SELECT n, kind, CASE WHEN applies THEN scope END AS rule, scope, late,
                   row_number() OVER (ORDER BY n, kind DESC, scope) AS place
              FROM (SELECT *, bool_or(applies) OVER (PARTITION BY n, kind) AS any_applies FROM rule) r
             WHERE applies OR NOT any_applies
        ), item AS (
            SELECT i.n, coalesce(min(kept.place), 1) AS first, coalesce(max(kept.place), 0) AS last
              FROM generate_series(1, cardinality(p_sources)) i(n) LEFT JOIN kept ON kept.n = i.n GROUP BY i.n
        )
        SELECT coalesce((SELECT array_agg(rule ORDER BY place) FROM kept), '{}'), (SELECT array_agg(kind ORDER BY place) FROM kept),
               (SELECT array_agg(scope ORDER BY place) FROM kept), (SELECT array_agg(late ORDER BY place) FROM kept),
               (SELECT array_agg(first ORDER BY n) FROM item), (SELECT array_agg(last ORDER BY n) FROM item)
          INTO rules, rule_kinds, rule_rows, rule_late, firsts, lasts;
    END IF;

    ids := (SELECT array_agg(DISTINCT s) FROM unnest(p_wallets || rules) s WHERE s IS NOT NULL);
    IF p_wait THEN
        SELECT array_agg(l.id), array_agg(l.free) INTO ids, free FROM (
            SELECT s.id, CASE WHEN s.frozen THEN 0 ELSE s.posted - s.held - CASE s.kind WHEN 1 THEN s.floor ELSE 0 END END AS free FROM scope s
             WHERE s.id = ANY (ids) ORDER BY s.kind, s.id FOR NO KEY UPDATE) l;
    ELSE
        SELECT array_agg(l.id), array_agg(l.free) INTO ids, free FROM (
            SELECT s.id, CASE WHEN s.frozen THEN 0 ELSE s.posted - s.held - CASE s.kind WHEN 1 THEN s.floor ELSE 0 END END AS free FROM scope s
             WHERE s.id = ANY (ids) ORDER BY s.kind, s.id FOR NO KEY UPDATE SKIP LOCKED) l;
    END IF;
    raised := array_fill(0::numeric, ARRAY[greatest(cardinality(ids), 1)]);
    FOR i IN 1 .. cardinality(p_sources) LOOP
        w := array_position(ids, p_wallets[i]);
        verdicts[i] := CASE WHEN w IS NULL THEN 'busy' ELSE 'ok' END;
        FOR j IN firsts[i] .. lasts[i] LOOP
            EXIT WHEN verdicts[i] <> 'ok';
            k := array_position(ids, rules[j]);
            IF rules[j] IS NULL THEN
                verdicts[i] := 'limit_in_other_currency';
                refused[i] := rule_rows[j];
            ELSIF k IS NULL OR rule_late[j] THEN
                verdicts[i] := 'busy';
            ELSIF free[k] < p_amounts[i] THEN
                verdicts[i] := CASE rule_kinds[j] WHEN 4 THEN 'key' WHEN 3 THEN 'member' ELSE 'project' END || '_limit_exceeded';
                refused[i] := rules[j];
            END IF;
        END LOOP;
        IF verdicts[i] = 'ok' AND free[w] < p_amounts[i] THEN
            verdicts[i] := 'insufficient_funds';
            refused[i] := p_wallets[i];
        END IF;
        CONTINUE WHEN verdicts[i] <> 'ok';
        free[w] := free[w] - p_amounts[i];
        raised[w] := raised[w] + p_amounts[i];
        FOR j IN firsts[i] .. lasts[i] LOOP
            k := array_position(ids, rules[j]);
            free[k] := free[k] - p_amounts[i];
            raised[k] := raised[k] + p_amounts[i];
        END LOOP;
    END LOOP;
    UPDATE scope s SET held = s.held + r.amount FROM unnest(ids, raised) r(id, amount) WHERE s.id = r.id AND r.amount > 0;
    RETURN QUERY
    WITH item AS (
        SELECT i.n::int AS n, i.source, i.wallet, i.amount, i.verdict, i.wallet || rules[i.first:i.last] AS scopes, i.refused,
               CASE i.verdict WHEN 'ok' THEN nextval('hold_id_seq') END AS hold
          FROM unnest(p_sources, p_wallets, p_amounts, verdicts, firsts, lasts, refused) WITH ORDINALITY
               AS i(source, wallet, amount, verdict, first, last, refused, n)
    ), opened AS (
        INSERT INTO hold (id, source, currency, amount, scopes)
        OVERRIDING SYSTEM VALUE
        SELECT item.hold, item.source, s.currency, item.amount, item.scopes
          FROM item CROSS JOIN LATERAL (SELECT currency FROM scope WHERE id = item.wallet OFFSET 0) s WHERE item.verdict = 'ok'
    )
    SELECT item.n, item.verdict, item.hold, item.refused FROM item ORDER BY item.n;
END $$;

-- Lower or raise what scopes have set aside. One place for the lock order, used by release, change and charge. A raise beyond
-- what is free violates scope_never_overspent.
CREATE OR REPLACE FUNCTION shift_held_v1(p_scopes bigint[], p_deltas numeric[]) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM 1 FROM scope WHERE id = ANY (p_scopes) ORDER BY kind, id FOR NO KEY UPDATE;
    UPDATE scope s SET held = s.held + d.delta FROM unnest(p_scopes, p_deltas) d(id, delta) WHERE s.id = d.id;
END $$;

-- The same for the scopes of these holds: `p_deltas` is added to each hold's share.
CREATE OR REPLACE FUNCTION move_held_v1(p_holds bigint[], p_deltas numeric[]) RETURNS void
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
    PERFORM shift_held_v1(ids, deltas);
END $$;

-- Close holds whose work is over and give back what nothing was charged for. What charges that are not posted yet still
-- need stays held, and posting the last of them closes the hold. Holds that are closed already are left alone.
CREATE OR REPLACE FUNCTION release_v1(p_holds bigint[]) RETURNS int
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
-- that the caller's other work stands; the verdict names no scope because any of them may be short. What the floor of a
-- lowered limit leaves is for settling: a raise needs room above nothing, as in hold_v2.
CREATE OR REPLACE FUNCTION change_hold_v1(p_hold bigint, p_amount numeric) RETURNS text
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
        IF p_amount > h.amount AND EXISTS (SELECT 1 FROM scope WHERE id = ANY (h.scopes[2:]) AND posted < held) THEN
            RAISE check_violation;
        END IF;
        UPDATE hold SET amount = p_amount WHERE id = h.id;
    EXCEPTION WHEN check_violation THEN
        RETURN 'insufficient_funds';
    END;
    RETURN 'ok';
END $$;

REVOKE ALL ON FUNCTION hold_v2, shift_held_v1, move_held_v1, release_v1, change_hold_v1 FROM PUBLIC;
