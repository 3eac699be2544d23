-- Giving back: charges measured against what their usage costs at the final price.

-- Whoever gives back and whoever refunds a charge look at each other's rows, one after the other. Until the end of the
-- transaction.
CREATE OR REPLACE FUNCTION lock_refunds_v1() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('refunds'));
END $$;

-- Settle posted charges: `p_rated` is what each usage costs at its final price, rounded as every charge is, and `p_bps` the
-- platform's share. The buyer gets what was paid beyond that: provider and platform keep what they would have got of it, and
-- a price above the card's changes nothing.
-- One entry for each wallet of the call. Charges that are not posted yet are left out, those settled before as well; one
-- that was refunded has nothing left to give. Returns how many were settled, in how many entries.
CREATE OR REPLACE FUNCTION give_back_v1(p_usages bigint[], p_rated numeric[], p_bps int[], p_sources bigint[])
RETURNS TABLE (settled int, entries int)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    fresh bigint[];
BEGIN
    IF cardinality(p_usages) NOT BETWEEN 1 AND 5000
       OR (cardinality(p_rated), cardinality(p_bps), cardinality(p_sources)) IS DISTINCT FROM
          (cardinality(p_usages), cardinality(p_usages), cardinality(p_usages)) THEN
        RAISE EXCEPTION 'between 1 and 5000 usages a call, each with its price' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    PERFORM lock_refunds_v1();
    SELECT array_agg(DISTINCT i.usage_id) INTO fresh
      FROM unnest(p_usages) i(usage_id)
     WHERE NOT EXISTS (SELECT 1 FROM give_back g WHERE g.usage_id = i.usage_id)
       -- A charge of nothing is never posted, and is settled as it is.
       AND EXISTS (SELECT 1 FROM charge c WHERE c.usage_id = i.usage_id
                      AND (c.amount + c.overrun = 0 OR EXISTS (SELECT 1 FROM charge_entry e WHERE e.usage_id = c.usage_id)));
    settled := coalesce(cardinality(fresh), 0);
    entries := 0;
    IF settled = 0 THEN
        RETURN NEXT;
        RETURN;
    END IF;
    WITH due AS MATERIALIZED (
        SELECT c.usage_id, c.wallet_id, c.payable_id, c.currency, i.source, i.rated, c.amount, c.fee, c.overrun,
               least(i.rated, c.amount) AS pays, share_v1(least(i.rated, c.amount), i.bps) AS share,
               EXISTS (SELECT 1 FROM entry r WHERE r.key = 'refund:usage:' || c.usage_id
                          AND NOT EXISTS (SELECT 1 FROM entry x WHERE x.reverses = r.id)) AS refunded
          FROM unnest(p_usages, p_rated, p_bps, p_sources) i(usage_id, rated, bps, source) JOIN charge c ON c.usage_id = i.usage_id
         WHERE i.usage_id = ANY (fresh)
    ), back AS MATERIALIZED (
        SELECT usage_id, wallet_id, payable_id, currency, source, rated,
               CASE WHEN refunded THEN 0 ELSE amount - pays END AS amount,
               CASE WHEN refunded THEN 0 ELSE fee - least(fee, round_half_even(share, 9)) END AS fee,
               CASE WHEN refunded THEN 0 ELSE overrun - least(overrun, greatest(rated - amount, 0)) END AS overrun
          FROM due
    ), made AS MATERIALIZED (
        SELECT wallet_id, nextval('entry_id_seq') AS entry_id, min(usage_id) AS first_usage
          FROM back WHERE amount + overrun > 0 GROUP BY wallet_id
    ), kept AS (
        INSERT INTO give_back (usage_id, source, rated, amount, fee, overrun, entry_id)
        SELECT b.usage_id, b.source, b.rated, b.amount, b.fee, b.overrun, CASE WHEN b.amount + b.overrun > 0 THEN m.entry_id END
          FROM back b LEFT JOIN made m USING (wallet_id)
    ), platform AS MATERIALIZED (
        SELECT currency, account_v1('PLATFORM_FEE', NULL, currency) AS fee_id, account_v1('OVERRUN', NULL, currency) AS overrun_id
          FROM (SELECT DISTINCT currency FROM back) u
    ), leg AS (
        SELECT m.entry_id, m.wallet_id, m.first_usage, x.account_id, sum(x.amount) AS amount
          FROM back b JOIN made m USING (wallet_id) JOIN platform p ON p.currency = b.currency
          CROSS JOIN LATERAL (SELECT account_id FROM scope WHERE id = b.wallet_id OFFSET 0) s
          CROSS JOIN LATERAL (VALUES
              (s.account_id, -b.amount),
              (b.payable_id, b.amount - b.fee + b.overrun),
              (p.fee_id, b.fee),
              (p.overrun_id, -b.overrun)
          ) AS x(account_id, amount)
         GROUP BY m.entry_id, m.wallet_id, m.first_usage, x.account_id HAVING sum(x.amount) <> 0
    ), posted AS (
        INSERT INTO entry (id, key, kind, actor, reason, happened_at, accounts, amounts) OVERRIDING SYSTEM VALUE
        SELECT entry_id, 'give_back:' || wallet_id || ':' || first_usage, 'GIVE_BACK', 'system:settler',
               'final prices of electricity', now(), array_agg(account_id ORDER BY amount < 0, account_id),
               array_agg(amount ORDER BY amount < 0, account_id)
          -- Entries move their wallets one after the other, in the wallets' order.
          FROM leg GROUP BY wallet_id, entry_id, first_usage ORDER BY wallet_id
        RETURNING 1
    )
    SELECT count(*)::int INTO entries FROM posted;
    RETURN NEXT;
END $$;

REVOKE ALL ON FUNCTION lock_refunds_v1, give_back_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_refunds_v1 TO :app_role;
