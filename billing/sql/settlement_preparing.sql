-- Preparing a settlement, set by set: a million charges are counted where they lie.

-- Open a batch over everything that is numbered now, for the providers given, or for all (NULL). Each item's lines lead from
-- the balance at the last settlement's cutoff to the one at this. What the last settlement posted must be numbered, or its
-- money would be counted again. Answers the batch's id.
CREATE OR REPLACE FUNCTION draft_settlement_v1(
    p_uid uuid, p_period text, p_currency text, p_entity text, p_minimum numeric, p_fee numeric, p_held_days int,
    p_held_max numeric, p_organizations bigint[], p_at timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET work_mem = '128MB' AS $$
DECLARE
    made bigint;
    cutoff bigint := coalesce((SELECT max(seq) FROM ledger_seq), 0);
    low bigint;
BEGIN
    IF EXISTS (
        SELECT 1 FROM settlement_item i CROSS JOIN unnest(i.entries) e(id)
         WHERE i.batch_id = (SELECT max(id) FROM settlement_batch
                              WHERE currency = p_currency AND entity = p_entity AND state = 'DONE')
           AND NOT EXISTS (SELECT 1 FROM ledger_seq s WHERE s.entry_id = e.id AND s.seq <= cutoff)) THEN
        RAISE EXCEPTION 'the last settlement is not numbered yet'
            USING ERRCODE = 'object_not_in_prerequisite_state', CONSTRAINT = 'settlement_not_numbered';
    END IF;
    INSERT INTO settlement_batch (uid, period, currency, entity, cutoff_seq, minimum, fee, held_days, held_max, drafted_at)
    VALUES (p_uid, p_period, p_currency, p_entity, cutoff, p_minimum, p_fee, p_held_days, p_held_max, p_at)
    RETURNING id INTO made;

    CREATE TEMP TABLE settling ON COMMIT DROP AS
    SELECT a.id AS account_id, a.organization_id, coalesce(l.cutoff_seq, 0) AS from_seq, coalesce(l.balance, 0) AS opening
      FROM ledger_account a
      LEFT JOIN LATERAL (
           SELECT b.cutoff_seq, i.balance FROM settlement_item i JOIN settlement_batch b ON b.id = i.batch_id
            WHERE i.account_id = a.id AND b.state = 'DONE' ORDER BY i.batch_id DESC LIMIT 1) l ON true
     WHERE a.purpose = 'PAYABLE' AND a.currency = p_currency AND a.entity = p_entity
       AND (p_organizations IS NULL OR a.organization_id = ANY (p_organizations));
    ANALYZE settling;
    -- The first number that matters: of accounts settled before, unless nothing moved since; of new ones, their first entry.
    SELECT least(min(d.from_seq) FILTER (WHERE d.from_seq > 0), min(n.seq) - 1) INTO low
      FROM settling d JOIN account_fold f ON f.account_id = d.account_id AND f.seq > d.from_seq
      LEFT JOIN LATERAL (SELECT min(s.seq) AS seq FROM posting p JOIN ledger_seq s ON s.entry_id = p.entry_id
                          WHERE p.account_id = d.account_id AND d.from_seq = 0) n ON true;

    -- By kind of entry; of a charge or of heat, what was sold, what the platform took of it, and what it added.
    CREATE TEMP TABLE settling_line ON COMMIT DROP AS
    WITH fresh AS MATERIALIZED (
        SELECT s.seq, s.entry_id, e.kind FROM ledger_seq s JOIN entry e ON e.id = s.entry_id
         WHERE s.seq > low AND s.seq <= cutoff
    ), moved AS (
        SELECT d.account_id, f.kind, count(*) AS count, -sum(p.amount) AS amount
          FROM fresh f JOIN posting p ON p.entry_id = f.entry_id JOIN settling d ON d.account_id = p.account_id AND f.seq > d.from_seq
         GROUP BY d.account_id, f.kind
    ), sold AS (
        SELECT d.account_id, count(*) AS count, sum(c.amount) AS amount, sum(c.fee) AS fee, sum(c.overrun) AS overrun
          FROM fresh f JOIN charge_entry x ON x.entry_id = f.entry_id JOIN sale c ON c.usage_id = x.usage_id
          JOIN settling d ON d.account_id = c.payable_id AND f.seq > d.from_seq
         WHERE f.kind = 'CHARGE' GROUP BY d.account_id
    ), heated AS (
        SELECT d.account_id, count(*) AS count, sum(h.amount) AS amount, sum(h.fee) AS fee
          FROM fresh f JOIN heat_charge h ON h.entry_id = f.entry_id
          JOIN settling d ON d.account_id = h.payable_id AND f.seq > d.from_seq
         WHERE f.kind = 'HEAT' GROUP BY d.account_id)
    SELECT m.account_id, m.kind, m.count, m.amount FROM moved m
     WHERE NOT (m.kind = 'CHARGE' AND EXISTS (SELECT 1 FROM sold s WHERE s.account_id = m.account_id))
       AND NOT (m.kind = 'HEAT' AND EXISTS (SELECT 1 FROM heated h WHERE h.account_id = m.account_id))
     UNION ALL
    SELECT s.account_id, x.kind, s.count, x.amount FROM sold s
      CROSS JOIN LATERAL (VALUES ('CHARGE', s.amount), ('CHARGE_FEE', -s.fee), ('OVERRUN', s.overrun)) x(kind, amount)
     WHERE x.kind = 'CHARGE' OR x.amount <> 0
     UNION ALL
    SELECT h.account_id, x.kind, h.count, x.amount FROM heated h
      CROSS JOIN LATERAL (VALUES ('HEAT', h.amount), ('HEAT_FEE', -h.fee)) x(kind, amount)
     WHERE x.kind = 'HEAT' OR x.amount <> 0;

    INSERT INTO settlement_item (batch_id, organization_id, account_id, from_seq, opening, balance, charges, held_before, carried)
    SELECT made, d.organization_id, d.account_id, d.from_seq, d.opening, d.opening + coalesce(l.amount, 0), coalesce(l.charges, 0),
           greatest(coalesce(k.held, 0), 0), d.opening + coalesce(l.amount, 0)
      FROM settling d
      LEFT JOIN (SELECT account_id, sum(amount) AS amount, sum(count) FILTER (WHERE kind = 'CHARGE') AS charges
                   FROM settling_line GROUP BY account_id) l ON l.account_id = d.account_id
      LEFT JOIN (SELECT a.organization_id, -sum(p.amount) AS held
                   FROM ledger_account a JOIN posting p ON p.account_id = a.id JOIN ledger_seq s ON s.entry_id = p.entry_id
                  WHERE a.purpose = 'HELD_EARNINGS' AND a.currency = p_currency AND a.entity = p_entity
                    AND s.seq <= cutoff
                  GROUP BY a.organization_id) k ON k.organization_id = d.organization_id
     WHERE l.account_id IS NOT NULL OR d.opening <> 0 OR coalesce(k.held, 0) > 0
     ORDER BY d.organization_id;
    INSERT INTO settlement_line (item_id, kind, count, amount)
    SELECT i.id, l.kind, l.count, l.amount FROM settling_line l
      JOIN settlement_item i ON i.batch_id = made AND i.account_id = l.account_id;
    DROP TABLE settling, settling_line;
    RETURN made;
END $$;

-- Reckon every item: what is kept back or released, withheld, paid, and carried to the next time. The arrays say of
-- providers how much is withheld, by which rail and method they are paid, the least that rail pays, and why nothing is
-- ('' if it is). Providers without a word are refused as NO_METHOD.
--
-- What is left after tax and fee is cut to the currency's unit of payment, and the tax is taken of what is paid with its fee:
-- what is carried was not taxed yet.
CREATE OR REPLACE FUNCTION reckon_settlement_v1(
    p_batch bigint, p_organizations bigint[], p_bps int[], p_rails text[], p_methods bigint[], p_minimums numeric[], p_refusals text[]
) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b settlement_batch;
    unit numeric;
BEGIN
    SELECT * INTO b FROM settlement_batch WHERE id = p_batch;
    unit := payout_unit(b.currency);
    UPDATE settlement_item i
       SET held = t.held, released = t.released, withholding_bps = t.bps, rail = t.rail, method_id = t.method, minimum = t.minimum,
           refusal = t.refusal, amount = t.amount, fee = t.fee, tax = t.tax,
           carried = i.balance + t.released - t.held - t.tax - t.fee - t.amount
      FROM (
        SELECT z.*, CASE WHEN z.amount > 0 THEN round_half_even((z.amount + z.fee) * z.bps * 1.000000000000000000 / (10000 - z.bps), 9) ELSE 0 END AS tax
          FROM (
            SELECT y.id, y.held, y.released, y.bps, y.rail, y.method, y.minimum,
                   CASE WHEN y.free < 0 THEN 'NEGATIVE' WHEN y.free > 0 AND y.refused <> '' THEN y.refused
                        WHEN y.payable < y.minimum OR y.payable <= 0 THEN CASE WHEN y.held > 0 THEN 'NEW' ELSE 'BELOW_MINIMUM' END
                        ELSE '' END AS refusal,
                   CASE WHEN y.refused = '' AND y.payable >= y.minimum AND y.payable > 0 THEN y.payable ELSE 0 END AS amount,
                   CASE WHEN y.refused = '' AND y.payable >= y.minimum AND y.payable > 0 THEN b.fee ELSE 0 END AS fee
              FROM (
                SELECT x.*, CASE WHEN x.bps < 10000 THEN x.net - mod(x.net, unit) ELSE 0 END AS payable
                  FROM (
                    SELECT v.*, v.free * (10000 - v.bps) * 0.0001 - b.fee AS net FROM (
                     SELECT w.*, w.balance + w.released - w.held AS free FROM (
                        SELECT n.id, n.balance, coalesce(g.bps, 0) AS bps, coalesce(g.rail, '') AS rail, g.method,
                               greatest(b.minimum, g.minimum, unit) AS minimum, coalesce(g.refusal, 'NO_METHOD') AS refused,
                               CASE WHEN n.is_new AND n.balance > 0
                                    THEN least(n.balance, greatest(coalesce(b.held_max, 'Infinity') - n.held_before, 0)) ELSE 0 END AS held,
                               CASE WHEN NOT n.is_new THEN n.held_before
                                    WHEN n.balance < 0 THEN least(n.held_before, -n.balance) ELSE 0 END AS released
                          FROM (SELECT i.id, i.organization_id, i.balance, i.held_before,
                                       b.held_days > 0 AND a.created_at > b.drafted_at - make_interval(days => b.held_days) AS is_new
                                  FROM settlement_item i JOIN ledger_account a ON a.id = i.account_id WHERE i.batch_id = b.id) n
                          LEFT JOIN unnest(p_organizations, p_bps, p_rails, p_methods, p_minimums, p_refusals)
                                 AS g(organization_id, bps, rail, method, minimum, refusal) ON g.organization_id = n.organization_id) w) v) x) y) z) t
     WHERE i.id = t.id;
END $$;

-- The unit in which a currency is paid out: some have smaller coins than any rail pays.
CREATE OR REPLACE FUNCTION payout_unit(p_currency text) RETURNS numeric LANGUAGE sql STABLE AS $$
    SELECT greatest(10::numeric ^ -exponent, payout_step * 10::numeric ^ -stripe_exponent)::numeric(38, 9)
      FROM currency WHERE code = p_currency
$$;

-- SHA-256 of all a batch says: itself, its items and their lines, in order, with the ledger's own chain up to the cutoff, by
-- which every charge behind it is meant.
CREATE OR REPLACE FUNCTION settlement_sha256_v1(p_batch bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT encode(sha256(convert_to(concat_ws(E'\n',
        jsonb_build_array(b.uid, b.period, b.currency, b.entity, b.cutoff_seq, encode(s.chain, 'hex'), b.minimum, b.fee, b.held_days,
                          b.held_max)::text,
        (SELECT encode(sha256(convert_to(string_agg(jsonb_build_array(
                    i.uid, i.organization_id, i.account_id, i.from_seq, i.opening, i.balance, i.charges, i.held_before, i.held, i.released,
                    i.withholding_bps, i.tax, i.fee, i.amount, i.carried, i.minimum, i.rail, i.method_id, i.refusal)::text, E'\n'
                    ORDER BY i.id), 'UTF8')), 'hex')
           FROM settlement_item i WHERE i.batch_id = b.id),
        (SELECT encode(sha256(convert_to(string_agg(jsonb_build_array(l.item_id, l.kind, l.count, l.amount)::text, E'\n'
                    ORDER BY l.item_id, l.kind), 'UTF8')), 'hex')
           FROM settlement_line l JOIN settlement_item i ON i.id = l.item_id WHERE i.batch_id = b.id)), 'UTF8')), 'hex')
      FROM settlement_batch b LEFT JOIN ledger_seq s ON s.seq = b.cutoff_seq WHERE b.id = p_batch
$$;

-- Fix the content: from here on it never changes. Answers its hash, or NULL if the batch is no draft any more.
CREATE OR REPLACE FUNCTION submit_settlement_v1(p_batch bigint, p_by uuid, p_at timestamptz) RETURNS text
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE settlement_batch SET state = 'SUBMITTED', content_sha256 = settlement_sha256_v1(id), prepared_by = p_by, prepared_at = p_at
     WHERE id = p_batch AND state = 'DRAFT' RETURNING content_sha256
$$;

-- Give a batch up that nothing was paid of; its items count for nothing. Answers whether it was done.
CREATE OR REPLACE FUNCTION void_settlement_v1(p_batch bigint, p_note text, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE settlement_batch SET state = 'VOID', note = p_note, ended_at = p_at
     WHERE id = p_batch AND state IN ('DRAFT', 'SUBMITTED', 'APPROVED');
    RETURN FOUND;
END $$;

REVOKE ALL ON FUNCTION draft_settlement_v1, reckon_settlement_v1, settlement_sha256_v1, submit_settlement_v1, void_settlement_v1
    FROM PUBLIC;
GRANT EXECUTE ON FUNCTION draft_settlement_v1, reckon_settlement_v1, settlement_sha256_v1, submit_settlement_v1, void_settlement_v1
    TO :app_role;
