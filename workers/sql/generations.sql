-- What buyers read of one answer: its figures as they were recorded, and what the gateway noted beside them.

-- Notes of the gateway about its answers, written behind them, once a second: no money, and the last second is lost when a
-- gateway dies. `request_id` is kept when the buyer chose it; else it is the job's uid. Times are milliseconds since the
-- request came.
CREATE TABLE answer_note (
    attempt_id    bigint NOT NULL,
    endpoint      text NOT NULL,
    streamed      boolean NOT NULL,
    finish_reason text,
    first_ms      int,
    total_ms      int NOT NULL,
    request_id    text,
    PRIMARY KEY (attempt_id)
) PARTITION BY RANGE (attempt_id);
CREATE INDEX answer_note_request ON answer_note (request_id, attempt_id) WHERE request_id IS NOT NULL;
INSERT INTO partitioned_table (parent, sequence, width) VALUES ('answer_note', 'attempt_id_seq', 5000000);
SELECT ensure_partitions_v1();

-- The row of one job that the organization may see, by the job's uid, the receipt's uid, or the id its buyer gave the
-- request (the latest one's, if it was given more than once).
CREATE OR REPLACE FUNCTION find_generation_v1(p_organization bigint, p_uid uuid, p_request text) RETURNS bigint
LANGUAGE plpgsql STABLE SET search_path = public, pg_temp SET enable_seqscan = off AS $$
DECLARE
    found_id bigint;
    made_at bigint;
BEGIN
    SELECT j.id INTO found_id FROM job j WHERE j.uid = p_uid AND j.organization_id = p_organization;
    IF found_id IS NULL AND p_uid IS NOT NULL THEN
        -- Receipts have no index, which each attempt would have to pay for: the uids of an attempt and of its receipt are
        -- made in the same moment, and begin with its milliseconds.
        made_at := ('x0000' || left(replace(p_uid::text, '-', ''), 12))::bit(64)::bigint;
        SELECT j.id INTO found_id FROM attempt a JOIN job j ON j.id = a.job_id
         WHERE a.uid BETWEEN (lpad(to_hex(greatest(made_at - 500, 0)), 12, '0') || repeat('0', 20))::uuid
                         AND (lpad(to_hex(least(made_at + 500, 281474976710655)), 12, '0') || repeat('f', 20))::uuid
           AND a.receipt_uid = p_uid AND j.organization_id = p_organization;
    END IF;
    IF found_id IS NULL AND p_request IS NOT NULL THEN
        SELECT j.id INTO found_id FROM answer_note n JOIN attempt a ON a.id = n.attempt_id JOIN job j ON j.id = a.job_id
         WHERE n.request_id = p_request AND j.organization_id = p_organization ORDER BY n.attempt_id DESC LIMIT 1;
    END IF;
    RETURN found_id;
END $$;

-- One answer as its buyer may read it: nothing, if it is no job of the organization. Figures are those of the attempt that
-- was charged, else of the last one.
CREATE OR REPLACE FUNCTION generation_v1(p_organization bigint, p_uid uuid, p_request text)
RETURNS TABLE (
    job_uid uuid, kind text, state text, error_code text, submitted_at timestamptz, finished_at timestamptz, model text,
    key_name text, provider text, site_uid uuid, site text, country text, region text, grid text, intensity numeric,
    attempt_uid uuid, receipt_uid uuid, attempts jsonb, started_at timestamptz, ended_at timestamptz,
    ours_in bigint, ours_cached bigint, ours_out bigint, claim_in bigint, claim_cached bigint, claim_out bigint,
    billed_in bigint, billed_cached bigint, billed_out bigint, count_method text, ended_how text,
    chip_seconds numeric, joules numeric, kwh numeric, gco2e numeric, tier text, attribution text,
    currency text, amount numeric, provider_amount numeric, posted boolean,
    endpoint text, streamed boolean, finish_reason text, first_ms int, total_ms int, request_id text,
    receipt_body bytea, receipt_signature bytea, receipt_key_id text, receipt_public_key bytea, receipt_received_at timestamptz
) LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT j.uid, j.kind, j.state, j.error_code, j.submitted_at, j.finished_at, m.slug, k.name,
           g.name, s.uid, s.name, s.country, s.region, s.grid_zone, s.gco2_per_kwh::numeric,
           a.uid, a.receipt_uid, coalesce(t.tried, '[]'), a.started_at, a.ended_at,
           u.ours_in, u.ours_cached, u.ours_out, u.claim_in, u.claim_cached, u.claim_out,
           u.billed_in, u.billed_cached, u.billed_out, u.count_method, u.ended_how,
           u.chip_seconds, u.joules, u.kwh, u.gco2e, u.tier, u.attribution,
           u.currency, u.amount, u.provider_amount, coalesce(u.posted, false),
           n.endpoint, n.streamed, n.finish_reason, n.first_ms, n.total_ms, n.request_id,
           r.body, r.signature, r.key_id,
           (SELECT p.public_key FROM node_token w JOIN accounts_agenttoken p ON p.id = w.agent_token_id
             WHERE w.node_id = r.node_id AND left(encode(sha256(p.public_key), 'hex'), length(r.key_id)) = r.key_id LIMIT 1),
           r.received_at
      FROM job j
      JOIN model m ON m.id = j.model_id
      JOIN accounts_apikey k ON k.id = j.api_key_id
      LEFT JOIN LATERAL (
          SELECT * FROM attempt WHERE job_id = j.id ORDER BY (id = j.billable_attempt_id) DESC NULLS LAST, number DESC LIMIT 1) a ON true
      LEFT JOIN LATERAL (
          SELECT jsonb_agg(jsonb_build_object('number', x.number, 'provider', y.name, 'state', x.state, 'error', x.error_code)
                           ORDER BY x.number) AS tried
            FROM attempt x JOIN offer v ON v.id = x.offer_id JOIN accounts_organization y ON y.id = v.organization_id
           WHERE x.job_id = j.id) t ON true
      LEFT JOIN offer o ON o.id = coalesce(a.offer_id, j.offer_id)
      LEFT JOIN site s ON s.id = o.site_id
      LEFT JOIN accounts_organization g ON g.id = o.organization_id
      LEFT JOIN LATERAL (
          SELECT sum(x.ours_in)::bigint AS ours_in, sum(x.ours_cached)::bigint AS ours_cached, sum(x.ours_out)::bigint AS ours_out,
                 sum(x.claim_in)::bigint AS claim_in, sum(x.claim_cached)::bigint AS claim_cached,
                 sum(x.claim_out)::bigint AS claim_out, sum(x.billed_in)::bigint AS billed_in,
                 sum(x.billed_cached)::bigint AS billed_cached, sum(x.billed_out)::bigint AS billed_out,
                 max(x.count_method) AS count_method, (array_agg(x.ended_how ORDER BY x.seq DESC))[1] AS ended_how,
                 sum(x.chip_seconds) AS chip_seconds, sum(x.joules) AS joules, sum(x.kwh) AS kwh, sum(x.gco2e) AS gco2e,
                 min(x.tier) AS tier, min(x.attribution) AS attribution, min(c.currency) AS currency,
                 sum(c.amount) AS amount, sum(c.amount - c.fee + c.overrun) AS provider_amount,
                 bool_and(c.amount + c.overrun = 0 OR EXISTS (SELECT 1 FROM charge_entry e WHERE e.usage_id = c.usage_id)) AS posted
            FROM usage_record x JOIN charge c ON c.usage_id = x.id
           WHERE x.attempt_id = j.billable_attempt_id) u ON true
      LEFT JOIN answer_note n ON n.attempt_id = a.id
      LEFT JOIN receipt r ON r.attempt_uid = a.uid
     WHERE j.id = find_generation_v1(p_organization, p_uid, p_request)
$$;

REVOKE ALL ON answer_note FROM :app_role;
GRANT SELECT, INSERT ON answer_note TO :app_role;
REVOKE ALL ON FUNCTION find_generation_v1, generation_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION find_generation_v1, generation_v1 TO :app_role;
