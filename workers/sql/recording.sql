-- What came of an attempt: a usage record with its charge, or nothing.

-- Record usage and rate it. Used alike by gateway, dispatcher and sweeper. One usage record a (attempt, seq); `p_finals`
-- ends the attempt and its job. Billed is min(our count, the claim) where there is a claim; the charge is never more than
-- what is left of the hold. What our own tokenizer counted beyond the hold is the platform's fault (overrun); what a
-- claim or an estimate says beyond it is paid by nobody and flagged.
-- Energy, grams and heat are those of the site's factors in force now (energy.sql); the record names them.
-- Where the price is in another currency than the wallet, the charge is what the wallet pays at the rate its hold locked, and
-- `price_currency`, `price_amount` and `rate` say of what.
-- Verdicts: ok; already (this record exists: a repeat, or the sweeper was first; its amounts are returned); fenced (the
-- attempt was overtaken; the amounts are those of the job's billable attempt, NULL if none).
CREATE OR REPLACE FUNCTION record_usage_v3(
    p_attempts bigint[], p_seqs int[], p_finals boolean[],
    p_ours_in bigint[], p_ours_cached bigint[], p_ours_out bigint[],
    p_claim_in bigint[], p_claim_cached bigint[], p_claim_out bigint[], p_count_methods text[],
    p_chip_seconds numeric[], p_joules numeric[], p_tiers text[], p_attributions text[],
    p_ended_how text[], p_job_states text[]
) RETURNS TABLE (
    idx int, verdict text, usage_id bigint, billed_in bigint, billed_cached bigint, billed_out bigint, amount numeric,
    currency text, provider_amount numeric, fee numeric, joules numeric, kwh numeric, it_kwh numeric, cooling_kwh numeric,
    heat_kwh numeric, gco2e numeric, intensity numeric, grid text, market_gco2e numeric, market_intensity numeric,
    price_currency text, price_amount numeric, rate numeric
) LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    jobs bigint[];
    unknown_payee boolean;
    last_id bigint;
    made int;
    -- Of work that is recorded in parts, by place: whether the part before is there, and what earlier ones took of the hold.
    follows boolean[];
    taken numeric[];
    taken_priced numeric[];
BEGIN
    IF cardinality(p_attempts) NOT BETWEEN 1 AND 64 THEN
        RAISE EXCEPTION 'between 1 and 64 records a call' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- Attempts, then jobs, each in order: the same as every other caller.
    SELECT array_agg(l.job_id), count(p.id) < count(*) INTO jobs, unknown_payee FROM (
        SELECT a.job_id, a.offer_id FROM attempt a WHERE a.id = ANY (p_attempts) ORDER BY a.id FOR NO KEY UPDATE) l
      LEFT JOIN offer o ON o.id = l.offer_id
      LEFT JOIN ledger_account p ON p.purpose = 'PAYABLE' AND p.organization_id = o.organization_id AND p.currency = o.currency;
    PERFORM 1 FROM job j WHERE j.id = ANY (jobs) ORDER BY j.id FOR NO KEY UPDATE;
    -- What is left of a hold is reckoned before the call's own charges.
    IF cardinality(jobs) < cardinality(p_attempts)
       AND (SELECT count(DISTINCT a) FROM unnest(p_attempts) a) < cardinality(p_attempts) THEN
        RAISE EXCEPTION 'one record an attempt and call' USING ERRCODE = 'invalid_parameter_value';
    END IF;

    -- Behind these locks every record that is there has a number up to this one, every record made here a higher one.
    last_id := coalesce(pg_sequence_last_value('usage_id_seq'), 0);

    -- Asked by itself, because most work is recorded at once: preparing this costs every call more than asking it.
    IF 1 <> ANY (p_seqs) THEN
        SELECT array_agg(EXISTS (SELECT 1 FROM usage_record u WHERE u.attempt_id = i.attempt AND u.seq = i.seq - 1) ORDER BY i.n),
               array_agg((SELECT sum(k.amount) FROM usage_record u JOIN charge k ON k.usage_id = u.id
                           WHERE u.attempt_id = i.attempt) ORDER BY i.n),
               array_agg((SELECT sum(v.amount) FROM usage_record u JOIN charge_conversion v ON v.usage_id = u.id
                           WHERE u.attempt_id = i.attempt) ORDER BY i.n)
          INTO follows, taken, taken_priced
          FROM unnest(p_attempts, p_seqs) WITH ORDINALITY i(attempt, seq, n);
    END IF;

    IF unknown_payee THEN
        -- A provider paid for the first time in a currency has no account yet.
        PERFORM account_v1('PAYABLE', x.organization_id, x.currency) FROM (
            SELECT DISTINCT o.organization_id, o.currency FROM attempt a JOIN offer o ON o.id = a.offer_id
             WHERE a.id = ANY (p_attempts)) x
          ORDER BY x.organization_id, x.currency;  -- two calls that open the same accounts do so in one order
    END IF;

    RETURN QUERY
    WITH item AS (
        -- Chip-seconds and joules are rounded first, so that the record re-rates to its charge, its energy and its grams.
        SELECT i.attempt, i.seq, i.final, i.ours_in, i.ours_cached, i.ours_out, i.claim_in, i.claim_cached, i.claim_out,
               i.method, round_half_even(i.chips, 6) AS chips, round_half_even(i.joules, 3) AS joules, i.tier, i.attribution,
               i.ended_how, i.job_state, i.n
          FROM unnest(p_attempts, p_seqs, p_finals, p_ours_in, p_ours_cached, p_ours_out, p_claim_in, p_claim_cached,
                      p_claim_out, p_count_methods, p_chip_seconds, p_joules, p_tiers, p_attributions, p_ended_how, p_job_states)
               WITH ORDINALITY AS i(attempt, seq, final, ours_in, ours_cached, ours_out, claim_in, claim_cached, claim_out,
                                    method, chips, joules, tier, attribution, ended_how, job_state, n) OFFSET 0
    ), billed AS (
        SELECT item.*, a.job_id, a.offer_id, a.card_id, j.hold_id, a.place AS attempt_place, j.place AS job_place,
               least(item.ours_in, coalesce(item.claim_in, item.ours_in)) AS b_in,
               least(item.ours_cached, coalesce(item.claim_cached, item.ours_cached),
                     item.ours_in, coalesce(item.claim_in, item.ours_in)) AS b_cached,
               least(item.ours_out, coalesce(item.claim_out, item.ours_out)) AS b_out
          -- OFFSET 0 has each row looked up by its id, whatever the planner last heard of the tables; the expression keeps
          -- it from walking the index of all running attempts.
          FROM item
          CROSS JOIN LATERAL (SELECT job_id, offer_id, card_id, ctid AS place FROM attempt
                               WHERE id = item.attempt AND state || '' = 'RUNNING' OFFSET 0) a
          CROSS JOIN LATERAL (SELECT hold_id, billable_attempt_id, ctid AS place FROM job WHERE id = a.job_id OFFSET 0) j
         WHERE (j.billable_attempt_id IS NULL OR j.billable_attempt_id = item.attempt)
           AND NOT EXISTS (SELECT 1 FROM usage_record u WHERE u.attempt_id = item.attempt AND u.seq = item.seq)
           AND (item.seq = 1 OR follows[item.n])
    ), priced AS (
        SELECT b.*, nextval('usage_id_seq') AS usage_id, c.fee_bps, h.scopes[1] AS wallet_id, h.currency AS hold_currency,
               p.id AS payable_id,
               s.id AS factors_id, s.heat_reused, s.gco2_per_kwh, s.market_gco2_per_kwh, s.grid_zone,
               kwh_v1(b.joules, s.pue * (1 + s.line_loss)) AS kwh, kwh_v1(b.joules, 1) AS it, kwh_v1(b.joules, s.pue) AS hall,
               price_v1(b.b_in, b.b_cached, b.b_out, b.chips, c.input_price, c.cached_input_price, c.output_price,
                        c.chip_second_price) AS price,
               h.quote_id, h.price_currency, h.price_amount, q.rate, q.mid,
               h.amount - coalesce(taken[b.n], 0) AS hold_left
          FROM billed b
          CROSS JOIN LATERAL (SELECT * FROM price_card WHERE id = b.card_id OFFSET 0) c
          CROSS JOIN LATERAL (SELECT * FROM hold WHERE id = b.hold_id OFFSET 0) h
          CROSS JOIN LATERAL (SELECT * FROM offer WHERE id = b.offer_id OFFSET 0) o
          -- The newest of the site, by the one index that has this order: another one would be walked through all sites.
          CROSS JOIN LATERAL (SELECT * FROM site_factors WHERE (site_id, id) <= (o.site_id, 9223372036854775807)
                               ORDER BY site_id DESC, id DESC LIMIT 1) s
          CROSS JOIN LATERAL (SELECT id FROM ledger_account WHERE purpose = 'PAYABLE'
                                 AND organization_id = o.organization_id AND currency = o.currency OFFSET 0) p
          LEFT JOIN LATERAL (SELECT rate, mid FROM fx_quote WHERE id = h.quote_id OFFSET 0) q ON true
         WHERE s.site_id = o.site_id OFFSET 0
    ), worth AS MATERIALIZED (
        -- Step by step, each rounding of a column (see rating.sql): rate_v1, then fee_v1 of what is paid of it.
        SELECT p.*, round_half_even(p.share, 9) AS fees,
               CASE WHEN p.method = 'tokenizer' THEN greatest(p.rated - p.hold_left, 0) ELSE 0 END AS over,
               round_half_even(p.grams, 9) AS g9
          FROM (SELECT r.*, least(r.rated, r.hold_left) AS pays, share_v1(least(r.rated, r.hold_left), r.fee_bps) AS share,
                       r.k12 * r.gco2_per_kwh AS grams
                  FROM (SELECT w.*, round_half_even(paid, 9) AS rated
                          FROM (SELECT priced.*, CASE WHEN rate IS NULL THEN price ELSE price * rate END AS paid,
                                       round_half_even(kwh, 12) AS k12 FROM priced OFFSET 0) w OFFSET 0) r OFFSET 0) p
    ), sold AS MATERIALIZED (
        -- What is sold to a wallet in another currency, in the price's. What the wallet pays nothing for is not sold.
        SELECT w.usage_id, w.quote_id, w.price_currency, w.fee_bps, w.mid, w.pays, least(w.s_rated, w.s_left) AS amount,
               CASE WHEN w.method = 'tokenizer' AND w.over > 0 THEN greatest(w.s_rated - w.s_left, 0) ELSE 0 END AS overrun
          FROM (SELECT x.*, CASE WHEN x.pays + x.over > 0 THEN round_half_even(x.price, 9) ELSE 0 END AS s_rated,
                       x.price_amount - coalesce(taken_priced[x.n], 0) AS s_left
                  FROM worth x WHERE x.quote_id IS NOT NULL) w
    ), converted AS (
        INSERT INTO charge_conversion (usage_id, quote_id, currency, amount, fee, overrun, mid_amount)
        SELECT s.usage_id, quote_id, price_currency, s.amount, fee_v1(s.amount, fee_bps), overrun,
               least(pays, round_half_even(s.amount * mid, 9)) FROM sold s
    ), recorded AS (
        INSERT INTO usage_record (id, attempt_id, seq, ours_in, ours_cached, ours_out, claim_in, claim_cached, claim_out,
                                  billed_in, billed_cached, billed_out, count_method, chip_seconds, joules, tier,
                                  attribution, kwh, gco2e, ended_how, factors_id)
        SELECT p.usage_id, attempt, seq, ours_in, ours_cached, ours_out, claim_in, claim_cached, claim_out, b_in, b_cached,
               b_out, method, chips, joules, tier, attribution, k12, g9, ended_how, factors_id
          FROM worth p
    ), charged AS (
        INSERT INTO charge (usage_id, hold_id, wallet_id, payable_id, currency, rated, amount, fee, overrun, closes_hold)
        SELECT p.usage_id, hold_id, wallet_id, payable_id, hold_currency, rated, pays, fees, over, final FROM worth p
    ), queued AS (
        INSERT INTO charge_queue (usage_id, wallet_id) SELECT p.usage_id, wallet_id FROM worth p
    ), flagged AS (
        INSERT INTO meter_flag (attempt_id, kind, details)
        SELECT attempt, f.kind, f.details
          FROM (SELECT * FROM worth w WHERE w.claim_out > w.ours_out OR w.claim_in > w.ours_in OR w.rated > w.hold_left OFFSET 0) p
         CROSS JOIN LATERAL (VALUES
            (p.claim_out > p.ours_out OR p.claim_in > p.ours_in, 'claim_above_count',
             jsonb_build_object('ours_in', ours_in, 'claim_in', claim_in, 'ours_out', ours_out, 'claim_out', claim_out)),
            (p.rated > p.hold_left, 'above_hold', jsonb_build_object('rated', rated::text, 'held', hold_left::text))
        ) f(applies, kind, details) WHERE f.applies
        ON CONFLICT DO NOTHING
    ), ended AS (
        -- Both rows are locked, so they are where they were found.
        UPDATE attempt a SET state = 'RECORDED', ended_at = now() FROM worth p WHERE a.ctid = p.attempt_place AND p.final
    ), job_ended AS (
        UPDATE job j SET billable_attempt_id = p.attempt,
               state = CASE WHEN p.final THEN p.job_state ELSE j.state END,
               finished_at = CASE WHEN p.final THEN now() END,
               error_code = CASE WHEN p.final AND p.job_state = 'FAILED' THEN p.ended_how ELSE j.error_code END
          FROM worth p WHERE j.ctid = p.job_place
    )
    SELECT p.n::int, 'ok', p.usage_id, p.b_in, p.b_cached, p.b_out, p.pays, p.hold_currency, p.pays - p.fees + p.over,
           p.fees, p.joules, p.k12, p.i12, round_half_even(p.hall, 12) - p.i12, round_half_even(p.heat, 12), p.g9,
           p.gco2_per_kwh::numeric, p.grid_zone::text,
           CASE WHEN p.market IS NOT NULL THEN round_half_even(p.market, 9) END, p.market_gco2_per_kwh::numeric,
           p.price_currency, (SELECT s.amount FROM sold s WHERE s.usage_id = p.usage_id), p.rate::numeric
      FROM (SELECT *, round_half_even(it, 12) AS i12, k12 * heat_reused AS heat, k12 * market_gco2_per_kwh AS market
              FROM worth OFFSET 0) p;
    GET DIAGNOSTICS made = ROW_COUNT;
    IF made = cardinality(p_attempts) THEN
        RETURN;
    END IF;

    -- The others are answered with the record that was there first.
    RETURN QUERY
    SELECT i.n::int, CASE WHEN u.attempt_id = i.attempt THEN 'already' ELSE 'fenced' END,
           u.id, u.billed_in, u.billed_cached, u.billed_out, c.amount, c.currency, c.amount - c.fee + c.overrun, c.fee,
           u.joules, u.kwh, e.it_kwh, e.cooling_kwh, e.heat_kwh, u.gco2e, e.intensity, e.grid::text, e.market_gco2e,
           e.market_intensity::numeric, v.currency, v.amount, q.rate::numeric
      FROM unnest(p_attempts, p_seqs) WITH ORDINALITY i(attempt, seq, n)
      JOIN attempt a ON a.id = i.attempt JOIN job j ON j.id = a.job_id
      LEFT JOIN usage_record u ON u.attempt_id = j.billable_attempt_id
                AND u.seq = CASE WHEN j.billable_attempt_id = i.attempt THEN i.seq ELSE 1 END
      LEFT JOIN charge c ON c.usage_id = u.id
      LEFT JOIN charge_conversion v ON v.usage_id = u.id LEFT JOIN fx_quote q ON q.id = v.quote_id
      LEFT JOIN usage_energy e ON e.attempt_id = u.attempt_id AND e.seq = u.seq
     WHERE u.id IS NULL OR u.id <= last_id;
END $$;

-- As gateways and dispatchers of before call it, which run beside new ones while they are replaced.
CREATE OR REPLACE FUNCTION record_usage_v2(
    p_attempts bigint[], p_seqs int[], p_finals boolean[],
    p_ours_in bigint[], p_ours_cached bigint[], p_ours_out bigint[],
    p_claim_in bigint[], p_claim_cached bigint[], p_claim_out bigint[], p_count_methods text[],
    p_chip_seconds numeric[], p_joules numeric[], p_tiers text[], p_attributions text[],
    p_ended_how text[], p_job_states text[]
) RETURNS TABLE (
    idx int, verdict text, usage_id bigint, billed_in bigint, billed_cached bigint, billed_out bigint, amount numeric,
    currency text, provider_amount numeric, fee numeric, joules numeric, kwh numeric, it_kwh numeric, cooling_kwh numeric,
    heat_kwh numeric, gco2e numeric, intensity numeric, grid text, market_gco2e numeric, market_intensity numeric
) LANGUAGE sql SET search_path = public, pg_temp AS $$
    SELECT idx, verdict, usage_id, billed_in, billed_cached, billed_out, amount, currency, provider_amount, fee, joules, kwh,
           it_kwh, cooling_kwh, heat_kwh, gco2e, intensity, grid, market_gco2e, market_intensity
      FROM record_usage_v3(p_attempts, p_seqs, p_finals, p_ours_in, p_ours_cached, p_ours_out, p_claim_in, p_claim_cached,
                           p_claim_out, p_count_methods, p_chip_seconds, p_joules, p_tiers, p_attributions, p_ended_how,
                           p_job_states)
$$;

CREATE OR REPLACE FUNCTION record_usage_v1(
    p_attempts bigint[], p_seqs int[], p_finals boolean[],
    p_ours_in bigint[], p_ours_cached bigint[], p_ours_out bigint[],
    p_claim_in bigint[], p_claim_cached bigint[], p_claim_out bigint[], p_count_methods text[],
    p_chip_seconds numeric[], p_joules numeric[], p_tiers text[], p_attributions text[],
    p_ended_how text[], p_job_states text[]
) RETURNS TABLE (
    idx int, verdict text, usage_id bigint, billed_in bigint, billed_cached bigint, billed_out bigint, amount numeric,
    currency text, provider_amount numeric, fee numeric, joules numeric, kwh numeric, gco2e numeric, intensity numeric, grid text
) LANGUAGE sql SET search_path = public, pg_temp AS $$
    SELECT idx, verdict, usage_id, billed_in, billed_cached, billed_out, amount, currency, provider_amount, fee, joules, kwh,
           gco2e, intensity, grid
      FROM record_usage_v2(p_attempts, p_seqs, p_finals, p_ours_in, p_ours_cached, p_ours_out, p_claim_in, p_claim_cached,
                           p_claim_out, p_count_methods, p_chip_seconds, p_joules, p_tiers, p_attributions, p_ended_how,
                           p_job_states)
$$;

-- Nothing was delivered: attempts end, their jobs end in the given state, holds are given back at once.
-- Verdicts: ok, fenced (the attempt had ended already). `QUEUED` as the state puts a deferred job back in its queue with
-- its hold.
CREATE OR REPLACE FUNCTION fail_v1(p_attempts bigint[], p_error_codes text[], p_job_states text[])
RETURNS TABLE (idx int, verdict text)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    mine bigint[];
    jobs bigint[];
    holds bigint[];
BEGIN
    SELECT array_agg(l.id), array_agg(l.job_id) INTO mine, jobs FROM (
        SELECT a.id, a.job_id FROM attempt a WHERE a.id = ANY (p_attempts) AND a.state || '' = 'RUNNING'
         ORDER BY a.id FOR NO KEY UPDATE) l;
    PERFORM 1 FROM job j WHERE j.id = ANY (jobs) ORDER BY j.id FOR NO KEY UPDATE;
    WITH item AS (
        SELECT a.id, a.job_id, i.code, i.state
          FROM unnest(p_attempts, p_error_codes, p_job_states) i(attempt, code, state) JOIN attempt a ON a.id = i.attempt
         WHERE a.id = ANY (mine)
    ), ended AS (
        UPDATE attempt a SET state = 'FAILED', ended_at = now(), error_code = item.code FROM item WHERE a.id = item.id
    ), job_ended AS (
        UPDATE job j SET state = item.state, error_code = item.code,
               finished_at = CASE WHEN item.state <> 'QUEUED' THEN now() END
          FROM item WHERE j.id = item.job_id
        RETURNING j.hold_id, j.state
    )
    SELECT array_agg(hold_id) INTO holds FROM job_ended WHERE state <> 'QUEUED';
    PERFORM release_v1(holds);
    RETURN QUERY SELECT i.n::int, CASE WHEN i.attempt = ANY (mine) THEN 'ok' ELSE 'fenced' END
                   FROM unnest(p_attempts) WITH ORDINALITY i(attempt, n) ORDER BY i.n;
END $$;

-- Cancel a deferred job. Queued: it ends now and its hold is given back. Running: whoever runs it is asked to stop.
-- Answers the job's state afterwards, or NULL for a job that is not this organization's.
CREATE OR REPLACE FUNCTION cancel_job_v1(p_organization bigint, p_uid uuid) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    j job;
BEGIN
    SELECT * INTO j FROM job WHERE uid = p_uid AND organization_id = p_organization FOR NO KEY UPDATE;
    IF j.state = 'QUEUED' THEN
        UPDATE job SET state = 'CANCELLED', finished_at = now() WHERE id = j.id;
        PERFORM release_v1(ARRAY[j.hold_id]);
        RETURN 'CANCELLED';
    ELSIF j.state = 'RUNNING' THEN
        UPDATE job SET cancel_requested_at = coalesce(cancel_requested_at, now()) WHERE id = j.id;
    END IF;
    RETURN j.state;
END $$;

-- End queued jobs that can never run (deadline passed, no offer left): their holds are given back.
CREATE OR REPLACE FUNCTION fail_queued_v1(p_jobs bigint[], p_error_code text) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    holds bigint[];
BEGIN
    PERFORM 1 FROM job WHERE id = ANY (p_jobs) ORDER BY id FOR NO KEY UPDATE;
    WITH failed AS (
        UPDATE job SET state = 'FAILED', error_code = p_error_code, finished_at = now()
         WHERE id = ANY (p_jobs) AND state = 'QUEUED' RETURNING hold_id)
    SELECT array_agg(hold_id) INTO holds FROM failed;
    RETURN release_v1(holds);
END $$;

-- Name the blobs of a deferred job (text itself is never in the database) and its deadline.
CREATE OR REPLACE FUNCTION attach_blobs_v1(p_job uuid, p_request text, p_answer text, p_deadline timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE job SET request_blob = coalesce(p_request, request_blob), answer_blob = coalesce(p_answer, answer_blob),
                   deadline_at = coalesce(p_deadline, deadline_at) WHERE uid = p_job
$$;

-- Settle what dead processes left: attempts whose lease ran out are ended here. What had been delivered by the last
-- checkpoint is charged; where nothing was, the hold is given back (a deferred job gets up to three attempts).
-- Returns how many attempts were settled.
CREATE OR REPLACE FUNCTION sweep_v1(p_limit int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    lost bigint[];
    delivered bigint[];
    empty bigint[];
BEGIN
    SELECT array_agg(l.id), array_agg(l.id) FILTER (WHERE l.has_any), array_agg(l.id) FILTER (WHERE NOT l.has_any)
      INTO lost, delivered, empty FROM (
        SELECT a.id, a.delivered_out > 0 OR EXISTS (SELECT 1 FROM usage_record u WHERE u.attempt_id = a.id) AS has_any
          FROM attempt a WHERE a.state = 'RUNNING' AND a.lease_until < now()
         ORDER BY a.job_id LIMIT least(p_limit, 64) FOR NO KEY UPDATE SKIP LOCKED) l;  -- the order of attempt_one_running
    IF delivered IS NOT NULL THEN
        PERFORM r.verdict
               -- Checkpoints count from the start of the attempt; what earlier records billed is taken off.
          FROM (SELECT array_agg(a.id) AS ids, array_agg(u.seq + 1) AS seqs,
                       array_agg(greatest(a.delivered_in - u.ins, 0)) AS ins,
                       array_agg(greatest(a.delivered_out - u.outs, 0)) AS outs,
                       -- No meter survived: the node's declared power over the time up to the checkpoint, one slot's share.
                       array_agg(greatest(t.seconds * n.chips / o.slots - u.chips, 0)) AS chips,
                       array_agg(greatest(t.seconds * n.declared_watts_busy / o.slots - u.joules, 0)) AS joules
                  FROM attempt a JOIN node n ON n.id = a.node_id JOIN offer o ON o.id = a.offer_id
                  CROSS JOIN LATERAL (SELECT extract(epoch FROM coalesce(a.renewed_at, a.started_at) - a.started_at) AS seconds) t
                  CROSS JOIN LATERAL (
                       SELECT coalesce(max(r.seq), 0)::int AS seq, coalesce(sum(r.ours_in), 0)::bigint AS ins,
                              coalesce(sum(r.ours_out), 0)::bigint AS outs, coalesce(sum(r.chip_seconds), 0) AS chips,
                              coalesce(sum(r.joules), 0) AS joules
                         FROM usage_record r WHERE r.attempt_id = a.id) u
                 WHERE a.id = ANY (delivered)) x
         CROSS JOIN LATERAL record_usage_v3(
                x.ids, x.seqs, array_fill(true, ARRAY[cardinality(x.ids)]),
                x.ins, array_fill(0::bigint, ARRAY[cardinality(x.ids)]), x.outs,
                array_fill(NULL::bigint, ARRAY[cardinality(x.ids)]), array_fill(NULL::bigint, ARRAY[cardinality(x.ids)]),
                array_fill(NULL::bigint, ARRAY[cardinality(x.ids)]), array_fill('checkpoint'::text, ARRAY[cardinality(x.ids)]),
                x.chips, x.joules, array_fill('declared'::text, ARRAY[cardinality(x.ids)]),
                array_fill('estimated'::text, ARRAY[cardinality(x.ids)]), array_fill('lease_expired'::text, ARRAY[cardinality(x.ids)]),
                array_fill('FAILED'::text, ARRAY[cardinality(x.ids)])) r;
    END IF;
    IF empty IS NOT NULL THEN
        PERFORM f.verdict
          FROM (SELECT array_agg(a.id) AS ids, array_agg('lease_expired'::text) AS codes,
                       array_agg(CASE WHEN j.kind = 'ONLINE' THEN 'FAILED'
                                      WHEN j.cancel_requested_at IS NOT NULL THEN 'CANCELLED'
                                      WHEN a.number >= 3 THEN 'FAILED' ELSE 'QUEUED' END) AS states
                  FROM attempt a JOIN job j ON j.id = a.job_id WHERE a.id = ANY (empty)) x
         CROSS JOIN LATERAL fail_v1(x.ids, x.codes, x.states) f;
    END IF;
    RETURN coalesce(cardinality(lost), 0);
END $$;

REVOKE ALL ON FUNCTION record_usage_v1, record_usage_v2, record_usage_v3, fail_v1, cancel_job_v1, fail_queued_v1, attach_blobs_v1, sweep_v1
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION record_usage_v1, record_usage_v2, record_usage_v3, fail_v1, cancel_job_v1, fail_queued_v1, attach_blobs_v1, sweep_v1
  TO :app_role;
