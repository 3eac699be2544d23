-- Electricity exported as computing: energy of jobs whose buyer is in another country than the site they ran at.

-- By destination (the buyer's country), origin (the site's) and currency, of the days of UTC from `p_since` to the one before
-- `p_until`. Test money is no trade.
CREATE OR REPLACE FUNCTION exports_v1(p_since date, p_until date)
RETURNS TABLE (destination text, origin text, currency text, charges bigint, amount numeric, kwh numeric, gco2e numeric,
               market_gco2e numeric, market_kwh numeric, heat_kwh numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT b.country, s.country, t.currency, sum(t.charges)::bigint, sum(t.amount), sum(t.kwh), sum(t.gco2e),
           CASE WHEN sum(t.market_kwh) > 0 THEN sum(t.market_gco2e) END, sum(t.market_kwh), sum(t.heat_kwh)
      FROM (SELECT d.organization_id, d.site_id, d.currency, d.charges, d.amount, d.kwh, d.gco2e, d.market_gco2e, d.market_kwh,
                   d.heat_kwh
              FROM energy_day d WHERE d.day >= p_since AND d.day < p_until
             UNION ALL
            SELECT j.organization_id, o.site_id, k.currency, 1, k.amount, e.kwh, e.gco2e, e.market_gco2e, e.market_kwh, e.heat_kwh
              FROM charge k
              CROSS JOIN LATERAL (SELECT source FROM hold WHERE id = k.hold_id OFFSET 0) h
              CROSS JOIN LATERAL (SELECT * FROM job WHERE id = h.source OFFSET 0) j
              CROSS JOIN LATERAL (SELECT offer_id FROM attempt WHERE id = j.billable_attempt_id OFFSET 0) a
              CROSS JOIN LATERAL (SELECT site_id FROM offer WHERE id = a.offer_id OFFSET 0) o
              CROSS JOIN LATERAL (SELECT * FROM usage_energy WHERE attempt_id = j.billable_attempt_id
                                     AND usage_id = k.usage_id OFFSET 0) e
             WHERE k.usage_id > coalesce((SELECT energy_to FROM spend_cursor), 0)
               AND k.rated_at >= p_since::timestamp AT TIME ZONE 'UTC' AND k.rated_at < p_until::timestamp AT TIME ZONE 'UTC') t
      JOIN accounts_organization b ON b.id = t.organization_id
      JOIN site s ON s.id = t.site_id
     WHERE b.country <> s.country AND t.currency <> 'XTS'
     GROUP BY b.country, s.country, t.currency
     ORDER BY b.country, s.country, t.currency
$$;

REVOKE ALL ON FUNCTION exports_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION exports_v1 TO :app_role;
