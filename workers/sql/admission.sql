-- Admission: the one transaction that lets a job start.

-- Admit up to 64 jobs, each with its own verdict. In this order: idempotency keys are claimed (sorted; a refused item
-- gives its claim back), what may have gone stale since the caller matched is checked again, scopes are held in one lock
-- order, then job and first attempt are written. A NULL node makes a deferred job: it is queued with its hold and has no
-- attempt yet. `p_wait` = true waits for locked scopes (up to lock_timeout); false answers `busy` for them.
--
-- A wallet in the price's currency pays if there is one; otherwise the wallet that was opened first among those from whose
-- currency there is a standing quote, which the hold locks: the job is charged at that rate whatever happens to it.
--
-- Limits are the key's, those of the member who made it, and those of the project the key is in (or else that member).
-- Verdicts: ok, busy, insufficient_funds, key_limit_exceeded, member_limit_exceeded, project_limit_exceeded and
-- limit_in_other_currency (detail of these = the scope that refused, see explain_scope_v1), key_revoked, wrong_mode (a test
-- key and real money, or the other way round), offer_withdrawn, card_stale, currency_mismatch, no_wallet, duplicate
-- (detail = the job's uid), key_reused (same key, another body).
CREATE OR REPLACE FUNCTION admit_v1(
    p_keys bigint[], p_organizations bigint[], p_models bigint[], p_offers bigint[], p_cards bigint[], p_nodes bigint[],
    p_in_bounds bigint[], p_out_bounds bigint[], p_job_uids uuid[], p_attempt_uids uuid[], p_receipt_uids uuid[],
    p_idempotency_keys text[], p_body_hashes bytea[], p_matched jsonb[], p_wait boolean
) RETURNS TABLE (idx int, verdict text, job_id bigint, attempt_id bigint, hold_amount numeric, detail text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    size int := cardinality(p_keys);
    with_keys boolean := cardinality(array_remove(p_idempotency_keys, NULL)) > 0;
    -- All by place in the call. Of what is refused, hold_v2 is asked nothing: its wallet is NULL.
    verdicts text[] := array_fill(NULL::text, ARRAY[size]);
    details text[] := array_fill(NULL::text, ARRAY[size]);
    job_ids bigint[];
    hold_ids bigint[];
    amounts numeric[];
    wallets bigint[];
    keys bigint[];
    members bigint[];
    projects bigint[];
    short bigint[];  -- the scopes that refused
    -- Of what is paid from a wallet in another currency: the quote, and what is asked in the price's.
    quotes bigint[];
    currencies text[];
    prices numeric[];
    r record;
BEGIN
    IF size NOT BETWEEN 1 AND 64 THEN
        RAISE EXCEPTION 'between 1 and 64 jobs a call' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    IF with_keys THEN
        INSERT INTO idempotency_claim (organization_id, key, body_hash, job_uid)
        SELECT o, k, h, u FROM unnest(p_organizations, p_idempotency_keys, p_body_hashes, p_job_uids) i(o, k, h, u)
         WHERE k IS NOT NULL ORDER BY o, k
        ON CONFLICT DO NOTHING;
        FOR r IN
            SELECT i.n, c.job_uid, c.body_hash = i.h AS same
              FROM unnest(p_organizations, p_idempotency_keys, p_body_hashes, p_job_uids) WITH ORDINALITY i(o, k, h, u, n)
              JOIN idempotency_claim c ON c.organization_id = i.o AND c.key = i.k
             WHERE c.job_uid <> i.u
        LOOP
            verdicts[r.n] := CASE WHEN r.same THEN 'duplicate' ELSE 'key_reused' END;
            details[r.n] := r.job_uid;
        END LOOP;
    END IF;

    -- OFFSET 0 has each row looked up by its id, whatever the planner last heard of the tables, and keeps what is rounded a
    -- column (see rating.sql).
    SELECT array_agg(v.verdict),
           array_agg(CASE WHEN v.verdict IS NULL THEN nextval('job_id_seq') END),
           array_agg(CASE WHEN v.verdict IS NULL THEN v.wallet END), array_agg(round_half_even(v.cost, 9)),
           array_agg(CASE WHEN v.verdict IS NULL THEN v.key END), array_agg(CASE WHEN v.verdict IS NULL THEN v.member END),
           array_agg(CASE WHEN v.verdict IS NULL THEN v.project END),
           array_agg(CASE WHEN v.verdict IS NULL THEN v.quote END), array_agg(v.currency), array_agg(v.price)
      INTO verdicts, job_ids, wallets, amounts, keys, members, projects, quotes, currencies, prices
      FROM (SELECT u.*, CASE WHEN u.rate IS NULL THEN u.price ELSE u.price * u.rate END AS cost FROM (
        SELECT i.key, coalesce(w.id, x.wallet) AS wallet, k.created_by_id AS member, coalesce(k.project_id, m.project_id) AS project,
               c.currency, x.quote, x.rate,
               price_v1(i.ins, 0, i.outs, 0, c.input_price, c.cached_input_price, c.output_price, c.chip_second_price) AS price,
               CASE WHEN verdicts[i.n] IS NOT NULL THEN verdicts[i.n]
                    WHEN k.id IS NULL OR k.organization_id <> i.organization OR k.revoked_at IS NOT NULL
                         OR k.expires_at <= now() THEN 'key_revoked'
                    WHEN o.state IS DISTINCT FROM 'LIVE' THEN 'offer_withdrawn'
                    -- A deferred job may have a cheaper form of the card in force, or wait for a card to start.
                    WHEN (coalesce(c.of_number, c.number) IS DISTINCT FROM (
                              SELECT f.number FROM price_card f WHERE f.offer_id = i.offer AND f.starts_at <= now()
                               ORDER BY f.starts_at DESC, f.number DESC LIMIT 1)
                          OR c.valid_until <= now()) AND (i.node IS NULL AND c.starts_at > now()) IS NOT TRUE
                         OR c.of_number IS NOT NULL AND i.node IS NOT NULL THEN 'card_stale'
                    WHEN (k.mode = 'TEST') <> (c.currency = 'XTS') THEN 'wrong_mode'
                    WHEN w.id IS NOT NULL OR x.wallet IS NOT NULL THEN NULL
                    WHEN EXISTS (SELECT 1 FROM scope s WHERE s.organization_id = i.organization AND s.kind = 1)
                         THEN 'currency_mismatch'
                    ELSE 'no_wallet'
               END AS verdict
          FROM unnest(p_keys, p_organizations, p_offers, p_cards, p_nodes, p_in_bounds, p_out_bounds) WITH ORDINALITY
               AS i(key, organization, offer, card, node, ins, outs, n)
          LEFT JOIN LATERAL (SELECT * FROM accounts_apikey WHERE id = i.key OFFSET 0) k ON true
          LEFT JOIN LATERAL (SELECT state FROM offer WHERE id = i.offer OFFSET 0) o ON true
          LEFT JOIN LATERAL (SELECT * FROM price_card WHERE id = i.card AND offer_id = i.offer OFFSET 0) c ON true
          LEFT JOIN LATERAL (SELECT id FROM scope WHERE kind = 1 AND organization_id = i.organization AND currency = c.currency
                             OFFSET 0) w ON true
          LEFT JOIN LATERAL (SELECT s.id AS wallet, q.id AS quote, q.rate FROM scope s
                               JOIN fx_standing_quote t ON t.base = s.currency AND t.quote = c.currency
                               JOIN fx_quote q ON q.id = t.quote_id AND q.expires_at > now()
                              WHERE w.id IS NULL AND c.currency <> 'XTS' AND s.organization_id = i.organization AND s.kind = 1
                              ORDER BY s.id LIMIT 1) x ON true
          LEFT JOIN LATERAL (SELECT project_id FROM accounts_membership
                              WHERE organization_id = i.organization AND user_id = k.created_by_id OFFSET 0) m ON true
         ORDER BY i.n) u OFFSET 0) v;

    IF array_remove(job_ids, NULL) <> '{}' THEN
        SELECT array_agg(coalesce(verdicts[h.idx], h.verdict)), array_agg(h.hold_id), array_agg(h.scope_id)
          INTO verdicts, hold_ids, short
          FROM hold_v2(job_ids, wallets, amounts, keys, members, projects, p_wait) h;
        IF array_remove(short, NULL) <> '{}' THEN
            details := (SELECT array_agg(CASE WHEN i.scope IS NULL THEN details[i.n] ELSE explain_scope_v1(i.scope, amounts[i.n]) END
                                         ORDER BY i.n) FROM unnest(short) WITH ORDINALITY i(scope, n));
        END IF;
        IF array_remove(quotes, NULL) <> '{}' THEN
            UPDATE hold h SET quote_id = i.quote, price_currency = i.currency, price_amount = round_half_even(i.price, 9)
              FROM unnest(hold_ids, quotes, currencies, prices) i(hold, quote, currency, price)
             WHERE h.id = i.hold AND i.quote IS NOT NULL;
        END IF;
    END IF;

    IF with_keys THEN
        -- A repeat inside this very call of an item that was refused is no duplicate of anything: the same request is told
        -- the same, another one under that key comes back in a call of its own.
        FOR r IN
            SELECT d.n, o.n AS first, o.h = d.h AS same
              FROM unnest(p_organizations, p_idempotency_keys, p_body_hashes) WITH ORDINALITY d(o, k, h, n)
              JOIN unnest(p_organizations, p_idempotency_keys, p_body_hashes, p_job_uids) WITH ORDINALITY o(o, k, h, u, n)
                   ON o.o = d.o AND o.k = d.k AND o.u::text = details[d.n]
             WHERE verdicts[d.n] IN ('duplicate', 'key_reused') AND verdicts[o.n] <> 'ok'
        LOOP
            verdicts[r.n] := CASE WHEN r.same THEN verdicts[r.first] ELSE 'busy' END;
            details[r.n] := CASE WHEN r.same THEN details[r.first] END;
        END LOOP;
        DELETE FROM idempotency_claim c
         USING unnest(p_organizations, p_idempotency_keys, p_job_uids, verdicts) i(o, k, u, v)
         WHERE c.organization_id = i.o AND c.key = i.k AND c.job_uid = i.u AND i.v <> 'ok';
    END IF;

    RETURN QUERY
    WITH item AS (
        SELECT i.*, CASE WHEN i.verdict = 'ok' AND i.node IS NOT NULL THEN nextval('attempt_id_seq') END AS attempt
          FROM unnest(p_keys, p_organizations, p_models, p_offers, p_cards, p_nodes, p_in_bounds, p_out_bounds, p_job_uids,
                      p_attempt_uids, p_receipt_uids, p_matched, verdicts, job_ids, hold_ids, amounts, details) WITH ORDINALITY
               AS i(key, organization, model, offer, card, node, ins, outs, uid,
                    attempt_uid, receipt_uid, matched, verdict, job, hold, amount, detail, n)
    ), new_job AS (
        INSERT INTO job (id, uid, organization_id, api_key_id, kind, state, model_id, offer_id, card_id, hold_id,
                         in_bound, out_bound, matched)
        OVERRIDING SYSTEM VALUE
        SELECT item.job, uid, organization, key, CASE WHEN node IS NULL THEN 'DEFERRED' ELSE 'ONLINE' END,
               CASE WHEN node IS NULL THEN 'QUEUED' ELSE 'RUNNING' END, model, offer, card, hold, ins, outs, matched
          FROM item WHERE item.verdict = 'ok'
    ), new_attempt AS (
        INSERT INTO attempt (id, uid, job_id, number, offer_id, card_id, node_id, receipt_uid, lease_until)
        OVERRIDING SYSTEM VALUE
        SELECT attempt, attempt_uid, job, 1, offer, card, node, receipt_uid, now() + interval '10 seconds'
          FROM item WHERE attempt IS NOT NULL
    )
    SELECT n::int, item.verdict, CASE WHEN item.verdict = 'ok' THEN job END, attempt, CASE WHEN item.verdict = 'ok' THEN amount END,
           item.detail
      FROM item ORDER BY n;
END $$;

-- What became of an admission whose answer was lost: `ok` or `absent` for each job uid the caller made.
CREATE OR REPLACE FUNCTION outcome_v1(p_job_uids uuid[])
RETURNS TABLE (idx int, verdict text, job_id bigint, attempt_id bigint, hold_amount numeric, detail text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT i.n::int, CASE WHEN j.id IS NULL THEN 'absent' ELSE 'ok' END, j.id,
           (SELECT a.id FROM attempt a WHERE a.job_id = j.id ORDER BY a.number DESC LIMIT 1), h.amount, NULL::text
      FROM unnest(p_job_uids) WITH ORDINALITY i(uid, n)
      LEFT JOIN job j ON j.uid = i.uid LEFT JOIN hold h ON h.id = j.hold_id ORDER BY i.n
$$;

-- Open the next attempt of jobs: after an attempt that failed before its first byte (it is fenced in the same step, so that
-- its late answer changes nothing), or the first one of a queued deferred job (`p_attempts` NULL, `p_jobs` given). The hold is
-- changed to the new candidate's card; a deferred job may have that card's cheaper form for jobs that can wait so long.
-- Verdicts: ok, fenced (the attempt had ended already, somebody else acted), insufficient_funds, offer_withdrawn,
-- card_stale, currency_mismatch. Anything but ok changes nothing: the failed attempt keeps its lease, and the caller tries another candidate or gives up with fail_v1.
CREATE OR REPLACE FUNCTION reattempt_v1(
    p_jobs bigint[], p_attempts bigint[], p_error_codes text[], p_offers bigint[], p_cards bigint[], p_nodes bigint[],
    p_attempt_uids uuid[], p_receipt_uids uuid[]
) RETURNS TABLE (idx int, verdict text, attempt_id bigint, hold_amount numeric)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    j job;
    old attempt;
    card price_card;
    next_number int;
    held hold;
    wallet_rate numeric;
BEGIN
    IF cardinality(p_jobs) NOT BETWEEN 1 AND 64 THEN
        RAISE EXCEPTION 'between 1 and 64 jobs a call' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Business rows first and in order, balances after them.
    PERFORM 1 FROM attempt a WHERE a.id = ANY (p_attempts) ORDER BY a.id FOR NO KEY UPDATE;
    PERFORM 1 FROM job WHERE id = ANY (p_jobs) ORDER BY id FOR NO KEY UPDATE;
    PERFORM 1 FROM hold WHERE id IN (SELECT hold_id FROM job WHERE id = ANY (p_jobs)) ORDER BY id FOR NO KEY UPDATE;
    PERFORM 1 FROM scope WHERE id IN (SELECT unnest(h.scopes) FROM hold h JOIN job ON job.hold_id = h.id WHERE job.id = ANY (p_jobs))
      ORDER BY kind, id FOR NO KEY UPDATE;
    FOR idx IN 1 .. cardinality(p_jobs) LOOP
        attempt_id := NULL;
        hold_amount := NULL;
        SELECT * INTO j FROM job WHERE id = p_jobs[idx];
        SELECT coalesce(max(number), 0) + 1 INTO next_number FROM attempt a WHERE a.job_id = j.id;
        SELECT * INTO card FROM price_card c WHERE c.id = p_cards[idx] AND c.offer_id = p_offers[idx];
        SELECT * INTO held FROM hold h WHERE h.id = j.hold_id;
        verdict := CASE
            WHEN j.finished_at IS NOT NULL OR j.billable_attempt_id IS NOT NULL OR j.cancel_requested_at IS NOT NULL AND j.kind = 'DEFERRED' THEN 'fenced'
            WHEN p_attempts[idx] IS NULL AND j.state <> 'QUEUED' THEN 'fenced'
            WHEN NOT EXISTS (SELECT 1 FROM offer o WHERE o.id = p_offers[idx] AND o.state = 'LIVE') THEN 'offer_withdrawn'
            WHEN coalesce(card.of_number, card.number) IS DISTINCT FROM (
                     SELECT f.number FROM price_card f WHERE f.offer_id = p_offers[idx] AND f.starts_at <= now()
                      ORDER BY f.starts_at DESC, f.number DESC LIMIT 1)
                 OR card.valid_until <= now()
                 -- Its clock and that of whoever submitted it differ by less.
                 OR card.slack_hours > 0 AND (make_interval(hours => card.slack_hours)
                                              <= j.deadline_at - j.submitted_at + interval '1 minute') IS NOT TRUE
                 THEN 'card_stale'
            WHEN card.currency <> coalesce(held.price_currency, held.currency) THEN 'currency_mismatch'
            ELSE 'ok' END;
        IF p_attempts[idx] IS NOT NULL THEN
            SELECT * INTO old FROM attempt a WHERE a.id = p_attempts[idx] AND a.job_id = j.id;
            IF old.state IS DISTINCT FROM 'RUNNING' THEN
                verdict := 'fenced';
            END IF;
        END IF;
        IF verdict = 'ok' THEN
            hold_amount := rate_v1(j.in_bound, 0, j.out_bound, 0,
                                   card.input_price, card.cached_input_price, card.output_price, card.chip_second_price);
            IF held.quote_id IS NOT NULL THEN
                -- The rate stays the one that was locked.
                SELECT rate INTO wallet_rate FROM fx_quote WHERE id = held.quote_id;
                held.price_amount := hold_amount;
                hold_amount := round_half_even(price_v1(j.in_bound, 0, j.out_bound, 0, card.input_price, card.cached_input_price,
                                                        card.output_price, card.chip_second_price) * wallet_rate, 9);
            END IF;
            verdict := change_hold_v1(j.hold_id, hold_amount);
            IF verdict = 'ok' AND held.quote_id IS NOT NULL THEN
                UPDATE hold SET price_amount = held.price_amount WHERE id = held.id;
            END IF;
        END IF;
        IF verdict = 'ok' THEN
            UPDATE attempt SET state = 'FENCED', ended_at = now(), error_code = p_error_codes[idx]
             WHERE id = p_attempts[idx];
            INSERT INTO attempt (uid, job_id, number, offer_id, card_id, node_id, receipt_uid, lease_until)
            VALUES (p_attempt_uids[idx], j.id, next_number, p_offers[idx], p_cards[idx], p_nodes[idx], p_receipt_uids[idx],
                    now() + interval '10 seconds')
            RETURNING id INTO attempt_id;
            UPDATE job SET state = 'RUNNING', offer_id = p_offers[idx], card_id = p_cards[idx] WHERE id = j.id;
        END IF;
        RETURN NEXT;
    END LOOP;
END $$;

-- Renew the leases of running attempts and write their checkpoints. Returns the attempts that are still the caller's: one
-- that is missing was fenced and must stop.
CREATE OR REPLACE FUNCTION renew_v1(p_attempts bigint[], p_delivered_in bigint[], p_delivered_out bigint[])
RETURNS TABLE (attempt_id bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
BEGIN
    PERFORM 1 FROM attempt a WHERE a.id = ANY (p_attempts) AND a.state || '' = 'RUNNING' ORDER BY a.id FOR NO KEY UPDATE;
    RETURN QUERY
    UPDATE attempt a
       SET lease_until = now() + interval '10 seconds', renewed_at = now(),
           delivered_in = greatest(a.delivered_in, i.ins), delivered_out = greatest(a.delivered_out, i.outs)
      FROM unnest(p_attempts, p_delivered_in, p_delivered_out) i(id, ins, outs)
     WHERE a.id = i.id AND a.state || '' = 'RUNNING'
    RETURNING a.id;
END $$;

REVOKE ALL ON FUNCTION admit_v1, outcome_v1, reattempt_v1, renew_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION admit_v1, outcome_v1, reattempt_v1, renew_v1 TO :app_role;
