-- Posting what was rated: in batches, exactly once.

-- What charges of these holds that came before the last one, and are not posted yet, still need. The caller holds the
-- holds' locks, so nobody posts them meanwhile.
CREATE OR REPLACE FUNCTION unposted_v1(p_holds bigint[]) RETURNS TABLE (hold_id bigint, amount numeric)
LANGUAGE sql VOLATILE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT c.hold_id, sum(c.amount) FROM charge c
     WHERE c.hold_id = ANY (p_holds) AND NOT c.closes_hold
       AND (EXISTS (SELECT 1 FROM charge_queue q WHERE q.usage_id = c.usage_id)
            OR EXISTS (SELECT 1 FROM charge_quarantine q WHERE q.usage_id = c.usage_id))
     GROUP BY c.hold_id
$$;

-- Post queued charges: `p_usages` names them, or NULL takes the oldest `p_limit` that nobody else is posting.
-- One aggregated entry for each wallet, day (of UTC, as limits count them) and currency of prices; each charge is linked to
-- its entry; holds are closed or lowered. Where prices are in another currency than the wallet, the money goes through the
-- positions of both, and what the wallet pays beyond the middle rate is the spread. Balance locks come last and in order, so a wallet is locked only for the last statements and the commit.
-- Returns how many charges were posted in how many entries. Any error undoes the whole call: the caller halves the list
-- until the one charge that cannot be posted stands alone, and quarantines it.
CREATE OR REPLACE FUNCTION post_charges_v1(p_limit int, p_usages bigint[] DEFAULT NULL) RETURNS TABLE (charges int, entries int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    usages bigint[];
    holds bigint[];
    shares numeric[];
    ending boolean[];
    finished boolean[];
    made_entries bigint[];
    made_wallets bigint[];
    happened timestamptz[];
    keys text[];
    entry_ids bigint[];
    seqs smallint[];
    accounts bigint[];
    amounts numeric[];
    scopes bigint[];
    freed numeric[];
    limits bigint[];
    spent numeric[];
BEGIN
    SELECT array_agg(claimed.usage_id) INTO usages FROM (
        SELECT q.usage_id FROM charge_queue q
         WHERE p_usages IS NULL OR q.usage_id = ANY (p_usages)
         ORDER BY q.usage_id LIMIT p_limit FOR UPDATE SKIP LOCKED) claimed;
    DELETE FROM charge_queue WHERE usage_id = ANY (usages);
    charges := coalesce(cardinality(usages), 0);
    entries := 0;
    IF charges = 0 THEN
        RETURN NEXT;
        RETURN;
    END IF;

    -- One entry for each wallet that pays something, each day on which it did, and each currency of what it paid for. Its
    -- key is a fact: a charge is posted once, so the first charge of an entry names it.
    SELECT array_agg(nextval('entry_id_seq')), array_agg(t.wallet_id), array_agg(t.happened_at),
           array_agg('charge:' || t.wallet_id || ':' || t.first_usage)
      INTO made_entries, made_wallets, happened, keys FROM (
        SELECT c.wallet_id, min(c.usage_id) AS first_usage, max(c.rated_at) AS happened_at
          FROM charge c LEFT JOIN charge_conversion v ON v.usage_id = c.usage_id
         WHERE c.usage_id = ANY (usages) AND c.amount + c.overrun > 0
         GROUP BY c.wallet_id, (c.rated_at AT TIME ZONE 'UTC')::date, coalesce(v.currency, c.currency)
         ORDER BY c.wallet_id, (c.rated_at AT TIME ZONE 'UTC')::date, coalesce(v.currency, c.currency)) t;
    entries := coalesce(cardinality(made_entries), 0);

    -- The legs: the wallet pays, providers and the platform get, and what was overrun is the platform's expense.
    WITH paid AS MATERIALIZED (
        SELECT c.usage_id, c.wallet_id, c.payable_id, c.amount, c.currency, coalesce(v.currency, c.currency) AS sold_in,
               coalesce(v.amount, c.amount) AS sold, coalesce(v.fee, c.fee) AS fee, coalesce(v.overrun, c.overrun) AS overrun,
               coalesce(v.mid_amount, 0) AS mid_amount,
               made_entries[dense_rank() OVER (ORDER BY c.wallet_id, (c.rated_at AT TIME ZONE 'UTC')::date,
                                                        coalesce(v.currency, c.currency))] AS entry_id
          FROM charge c LEFT JOIN charge_conversion v ON v.usage_id = c.usage_id
         WHERE c.usage_id = ANY (usages) AND c.amount + c.overrun > 0
    ), linked AS (
        INSERT INTO charge_entry (usage_id, entry_id) SELECT usage_id, entry_id FROM paid
    ), share AS MATERIALIZED (
        SELECT entry_id, wallet_id, payable_id, currency, sold_in, sum(amount) AS amount, sum(sold) AS sold, sum(fee) AS fee,
               sum(overrun) AS overrun, sum(mid_amount) AS mid_amount
          FROM paid GROUP BY entry_id, wallet_id, payable_id, currency, sold_in
    ), platform AS MATERIALIZED (
        SELECT sold_in, account_v1('PLATFORM_FEE', NULL, sold_in) AS fee_id, account_v1('OVERRUN', NULL, sold_in) AS overrun_id
          FROM (SELECT DISTINCT sold_in FROM share) u
    ), crossing AS MATERIALIZED (
        SELECT currency, sold_in, account_v1('FX_POSITION', NULL, currency) AS from_id,
               account_v1('FX_POSITION', NULL, sold_in) AS to_id, account_v1('FX_SPREAD', NULL, currency) AS spread_id
          FROM (SELECT DISTINCT currency, sold_in FROM share WHERE currency <> sold_in) u
    ), leg AS (
        SELECT t.entry_id, t.account_id, sum(t.amount) AS amount FROM (
            SELECT h.entry_id, x.account_id, x.amount
              FROM share h JOIN platform p ON p.sold_in = h.sold_in
              CROSS JOIN LATERAL (SELECT account_id FROM scope WHERE id = h.wallet_id OFFSET 0) s
              CROSS JOIN LATERAL (VALUES
                  (s.account_id, h.amount),
                  (h.payable_id, -(h.sold - h.fee + h.overrun)),
                  (p.fee_id, -h.fee),
                  (p.overrun_id, h.overrun)
              ) AS x(account_id, amount)
             UNION ALL
            SELECT h.entry_id, x.account_id, x.amount
              FROM share h JOIN crossing k ON k.currency = h.currency AND k.sold_in = h.sold_in
              CROSS JOIN LATERAL (VALUES
                  (k.from_id, -h.mid_amount),
                  (k.spread_id, h.mid_amount - h.amount),
                  (k.to_id, h.sold)
              ) AS x(account_id, amount)) t
         GROUP BY t.entry_id, t.account_id
    ), numbered AS (
        SELECT *, row_number() OVER (PARTITION BY entry_id ORDER BY amount < 0, account_id)::smallint AS seq
          FROM leg WHERE amount <> 0
    )
    SELECT array_agg(entry_id), array_agg(seq), array_agg(account_id), array_agg(amount)
      INTO entry_ids, seqs, accounts, amounts FROM numbered;

    -- What each hold gives back: what was charged, and when the work is over all of the rest, except what earlier charges
    -- that somebody else posts (or that are quarantined) still need. The last of them to be posted closes the hold.
    SELECT array_agg(DISTINCT c.hold_id) INTO holds FROM charge c WHERE c.usage_id = ANY (usages);
    SELECT array_agg(l.id) INTO holds FROM (
        SELECT h.id FROM hold h WHERE h.id = ANY (holds) AND h.state = 'OPEN' ORDER BY h.id FOR NO KEY UPDATE) l;
    -- What scopes have set aside falls by that, and what limits may spend by what was charged.
    WITH t AS MATERIALIZED (
        SELECT h.id, h.scopes, h.closing OR g.closes AS ending, coalesce(u.amount, 0) AS rest, g.amount,
               CASE WHEN h.closing OR g.closes THEN h.amount - h.released - coalesce(u.amount, 0) ELSE g.amount END AS share
          FROM (SELECT c.hold_id, sum(c.amount) AS amount, bool_or(c.closes_hold) AS closes
                  FROM charge c WHERE c.usage_id = ANY (usages) GROUP BY c.hold_id) g
          JOIN hold h ON h.id = g.hold_id LEFT JOIN unposted_v1(holds) u ON u.hold_id = h.id
         WHERE h.id = ANY (holds)
    ), freeing AS (
        SELECT x.id, sum(t.share) AS share FROM t CROSS JOIN LATERAL unnest(t.scopes) x(id) GROUP BY x.id HAVING sum(t.share) <> 0
    ), spending AS (
        SELECT x.id, sum(t.amount) AS amount FROM t CROSS JOIN LATERAL unnest(t.scopes[2:]) x(id)
         GROUP BY x.id HAVING sum(t.amount) > 0
    )
    SELECT array_agg(t.id), array_agg(t.share), array_agg(t.ending), array_agg(t.ending AND t.rest = 0),
           (SELECT array_agg(id) FROM freeing), (SELECT array_agg(-share) FROM freeing),
           (SELECT array_agg(id) FROM spending), (SELECT array_agg(amount) FROM spending)
      INTO holds, shares, ending, finished, scopes, freed, limits, spent FROM t;
    UPDATE hold h SET released = h.released + t.share, closing = t.ending,
           state = CASE WHEN t.closes THEN 'CLOSED' ELSE 'OPEN' END, closed_at = CASE WHEN t.closes THEN now() END
      FROM unnest(holds, shares, ending, finished) t(id, share, ending, closes)
     WHERE h.id = t.id AND h.id = ANY (holds);

    -- Balances last. Held goes down first, so available money never dips in between; limits spend what the wallet pays.
    PERFORM shift_held_v1(scopes, freed);
    UPDATE scope s SET posted = s.posted - d.amount FROM unnest(limits, spent) d(id, amount) WHERE s.id = d.id;
    -- Entries write their postings and move their wallets one after the other, so they come in the wallets' order.
    INSERT INTO entry (id, key, kind, actor, happened_at, accounts, amounts) OVERRIDING SYSTEM VALUE
    SELECT e.id, e.key, 'CHARGE', 'system:charger', e.happened_at, l.accounts, l.amounts
      FROM unnest(made_entries, made_wallets, keys, happened) e(id, wallet, key, happened_at)
      JOIN (SELECT u.entry_id, array_agg(u.account ORDER BY u.seq) AS accounts, array_agg(u.amount ORDER BY u.seq) AS amounts
              FROM unnest(entry_ids, seqs, accounts, amounts) u(entry_id, seq, account, amount) GROUP BY u.entry_id) l
        ON l.entry_id = e.id
     ORDER BY e.wallet, e.id;
    RETURN NEXT;
END $$;

CREATE OR REPLACE FUNCTION quarantine_charge_v1(p_usage bigint, p_error text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH popped AS (DELETE FROM charge_queue WHERE usage_id = p_usage RETURNING usage_id)
    INSERT INTO charge_quarantine (usage_id, error) SELECT usage_id, left(p_error, 500) FROM popped
$$;

-- An operator's word that the cause is gone: the charge is queued again.
CREATE OR REPLACE FUNCTION requeue_charge_v1(p_usage bigint) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH freed AS (DELETE FROM charge_quarantine WHERE usage_id = p_usage RETURNING usage_id)
    INSERT INTO charge_queue (usage_id, wallet_id) SELECT usage_id, c.wallet_id FROM freed JOIN charge c USING (usage_id)
$$;

REVOKE ALL ON FUNCTION unposted_v1, post_charges_v1, quarantine_charge_v1, requeue_charge_v1, ensure_partitions_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION post_charges_v1, quarantine_charge_v1, requeue_charge_v1, ensure_partitions_v1 TO :app_role;
