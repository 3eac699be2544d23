-- Energy of a wallet's charges: of some of them, and of all.

-- What each of some charges used. A charge is one usage record.
CREATE OR REPLACE FUNCTION charges_energy_v1(p_usages bigint[])
RETURNS TABLE (usage_id bigint, kwh numeric, it_kwh numeric, cooling_kwh numeric, loss_kwh numeric, heat_kwh numeric,
               gco2e numeric, market_gco2e numeric, market_kwh numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp SET enable_seqscan = off AS $$
    SELECT e.usage_id, e.kwh, e.it_kwh, e.cooling_kwh, e.loss_kwh, e.heat_kwh, e.gco2e, e.market_gco2e, e.market_kwh
      FROM usage_energy e WHERE e.usage_id = ANY (p_usages)
$$;

-- What an organization's jobs that were paid for in a currency used from a day (of UTC) on: what is folded, and the charges
-- since, posted or not. One row.
CREATE OR REPLACE FUNCTION energy_total_v1(p_organization bigint, p_currency text, p_since date)
RETURNS TABLE (kwh numeric, it_kwh numeric, cooling_kwh numeric, loss_kwh numeric, heat_kwh numeric, gco2e numeric,
               market_gco2e numeric, market_kwh numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT coalesce(sum(t.kwh), 0), coalesce(sum(t.it_kwh), 0), coalesce(sum(t.cooling_kwh), 0),
           coalesce(sum(t.kwh - t.it_kwh - t.cooling_kwh), 0), coalesce(sum(t.heat_kwh), 0), coalesce(sum(t.gco2e), 0),
           CASE WHEN sum(t.market_kwh) > 0 THEN sum(t.market_gco2e) END, coalesce(sum(t.market_kwh), 0)
      FROM (SELECT d.kwh, d.it_kwh, d.cooling_kwh, d.heat_kwh, d.gco2e, d.market_gco2e, d.market_kwh
              FROM energy_day d
             WHERE d.organization_id = p_organization AND d.currency = p_currency AND d.day >= p_since
             UNION ALL
            SELECT e.kwh, e.it_kwh, e.cooling_kwh, e.heat_kwh, e.gco2e, e.market_gco2e, e.market_kwh
              FROM charge k
              CROSS JOIN LATERAL (SELECT source FROM hold WHERE id = k.hold_id OFFSET 0) h
              CROSS JOIN LATERAL (SELECT * FROM job WHERE id = h.source OFFSET 0) j
              CROSS JOIN LATERAL (SELECT * FROM usage_energy WHERE attempt_id = j.billable_attempt_id
                                     AND usage_id = k.usage_id OFFSET 0) e
             WHERE k.usage_id > coalesce((SELECT energy_to FROM spend_cursor), 0)
               AND k.rated_at >= p_since::timestamp AT TIME ZONE 'UTC'
               AND k.wallet_id IN (SELECT id FROM scope WHERE organization_id = p_organization AND kind = 1
                                      AND currency = p_currency)) t
$$;

REVOKE ALL ON FUNCTION charges_energy_v1, energy_total_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION charges_energy_v1, energy_total_v1 TO :app_role;
