-- Giving back: charges measured against what their usage costs at the final price.

-- Whoever gives back and whoever refunds a charge look at each other's rows, one after the other. Until the end of the
-- transaction.
CREATE OR REPLACE FUNCTION lock_refunds_v1() RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('refunds'));
END $$;

-- Settle posted charges: `p_rated` is what each usage costs at its final price, in the price's currency and rounded as every
-- charge is, and `p_bps` the platform's share. What was converted goes back at the rate it came at. The buyer gets what was paid beyond that: provider and platform keep what they would have got of it, and
-- a price above the card's changes nothing.
-- One entry for each wallet of the call and each currency of prices. Charges that are not posted yet are left out, those settled before as well; one
-- that was refunded has nothing left to give. One of which a part was credited for a claim is left out until that is undone:
-- the two together could be more than was paid. Returns how many were settled, in how many entries.
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
       AND NOT EXISTS (SELECT 1 FROM entry k WHERE k.key = 'claim:usage:' || i.usage_id
                          AND NOT EXISTS (SELECT 1 FROM entry x WHERE x.reverses = k.id))
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
        SELECT i.*, EXISTS (SELECT 1 FROM entry r WHERE r.key = 'refund:usage:' || i.usage_id
                               AND NOT EXISTS (SELECT 1 FROM entry x WHERE x.reverses = r.id)) AS refunded
          FROM (SELECT c.usage_id, c.wallet_id, c.payable_id, c.currency, n.source, n.bps, n.rated AS sold_rated, c.amount, c.fee,
                       c.overrun, v.usage_id IS NOT NULL AS converted,
                       coalesce(v.currency, c.currency) AS sold_in, v.amount AS sold, v.fee AS sold_fee, v.overrun AS sold_overrun, v.mid_amount, q.mid,
                       CASE WHEN v.usage_id IS NULL THEN n.rated ELSE round_half_even(n.rated * q.rate, 9) END AS rated
                  FROM unnest(p_usages, p_rated, p_bps, p_sources) n(usage_id, rated, bps, source)
                  JOIN charge c ON c.usage_id = n.usage_id
                  LEFT JOIN charge_conversion v ON v.usage_id = n.usage_id
                  LEFT JOIN fx_quote q ON q.id = v.quote_id
                 WHERE n.usage_id = ANY (fresh)) i
    ), back AS MATERIALIZED (
        SELECT d.*, CASE WHEN refunded THEN 0 ELSE amount - least(rated, amount) END AS b_amount,
               CASE WHEN refunded THEN 0 ELSE fee - least(fee, fee_v1(least(rated, amount), bps)) END AS b_fee,
               CASE WHEN refunded THEN 0 ELSE overrun - least(overrun, greatest(rated - amount, 0)) END AS b_overrun
          FROM due d
    ), sold_back AS MATERIALIZED (
        -- A wallet that gets nothing, because its part is less than a billionth, moves nothing on the other side.
        SELECT b.*, CASE WHEN refunded OR b_amount + b_overrun = 0 THEN 0 ELSE sold - least(sold_rated, sold) END AS s_amount,
               CASE WHEN refunded OR b_amount + b_overrun = 0 THEN 0
                    ELSE sold_fee - least(sold_fee, fee_v1(least(sold_rated, sold), bps)) END AS s_fee,
               CASE WHEN refunded OR b_amount + b_overrun = 0 THEN 0
                    ELSE sold_overrun - least(sold_overrun, greatest(sold_rated - sold, 0)) END AS s_overrun,
               CASE WHEN refunded OR b_amount + b_overrun = 0 THEN 0
                    ELSE mid_amount - least(mid_amount, round_half_even(least(sold_rated, sold) * mid, 9)) END AS s_mid
          FROM back b WHERE converted
    ), made AS MATERIALIZED (
        SELECT wallet_id, sold_in, nextval('entry_id_seq') AS entry_id, min(usage_id) AS first_usage
          FROM back WHERE b_amount + b_overrun > 0 GROUP BY wallet_id, sold_in
    ), kept AS (
        INSERT INTO give_back (usage_id, source, rated, amount, fee, overrun, entry_id)
        SELECT b.usage_id, b.source, b.rated, b.b_amount, b.b_fee, b.b_overrun,
               CASE WHEN b.b_amount + b.b_overrun > 0 THEN m.entry_id END
          FROM back b LEFT JOIN made m USING (wallet_id, sold_in)
    ), kept_sold AS (
        INSERT INTO give_back_conversion (usage_id, amount, fee, overrun, mid_amount)
        SELECT usage_id, s_amount, s_fee, s_overrun, s_mid FROM sold_back
    ), share AS MATERIALIZED (
        SELECT wallet_id, payable_id, currency, sold_in, b_amount AS amount, b_amount AS sold, b_fee AS fee,
               b_overrun AS overrun, 0::numeric AS mid_amount
          FROM back WHERE NOT converted
         UNION ALL
        SELECT wallet_id, payable_id, currency, sold_in, b_amount, s_amount, s_fee, s_overrun, s_mid FROM sold_back
    ), platform AS MATERIALIZED (
        SELECT currency, sold_in, account_v1('PLATFORM_FEE', NULL, sold_in) AS fee_id,
               account_v1('OVERRUN', NULL, sold_in) AS overrun_id,
               CASE WHEN currency <> sold_in THEN account_v1('FX_POSITION', NULL, currency) END AS from_id,
               CASE WHEN currency <> sold_in THEN account_v1('FX_POSITION', NULL, sold_in) END AS to_id,
               CASE WHEN currency <> sold_in THEN account_v1('FX_SPREAD', NULL, currency) END AS spread_id
          FROM (SELECT DISTINCT currency, sold_in FROM share) u
    ), leg AS (
        SELECT m.entry_id, m.wallet_id, m.first_usage, x.account_id, sum(x.amount) AS amount
          FROM share b JOIN made m USING (wallet_id, sold_in)
          JOIN platform p ON p.currency = b.currency AND p.sold_in = b.sold_in
          CROSS JOIN LATERAL (SELECT account_id FROM scope WHERE id = b.wallet_id OFFSET 0) s
          CROSS JOIN LATERAL (VALUES
              (s.account_id, -b.amount),
              (b.payable_id, b.sold - b.fee + b.overrun),
              (p.fee_id, b.fee),
              (p.overrun_id, -b.overrun),
              (p.from_id, b.mid_amount),
              (p.spread_id, b.amount - b.mid_amount),
              (p.to_id, -b.sold)
          ) AS x(account_id, amount)
         WHERE x.account_id IS NOT NULL
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
