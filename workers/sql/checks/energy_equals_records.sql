-- What is folded of each organization's energy and grams is the sum of its usage records up to the cursor.
WITH folded AS (
    SELECT organization_id, currency, sum(kwh) AS kwh, sum(gco2e) AS gco2e, sum(market_kwh) AS market_kwh, sum(heat_kwh) AS heat_kwh
      FROM energy_day GROUP BY organization_id, currency
), recorded AS (
    SELECT j.organization_id, c.currency, sum(e.kwh) AS kwh, sum(e.gco2e) AS gco2e, sum(e.market_kwh) AS market_kwh,
           sum(e.heat_kwh) AS heat_kwh
      FROM charge c JOIN hold h ON h.id = c.hold_id JOIN job j ON j.id = h.source JOIN usage_energy e ON e.usage_id = c.usage_id
     WHERE c.usage_id <= coalesce((SELECT energy_to FROM spend_cursor), 0) GROUP BY j.organization_id, c.currency
)
SELECT organization_id, currency, folded.kwh AS folded, recorded.kwh AS recorded
  FROM folded FULL JOIN recorded USING (organization_id, currency)
 WHERE (folded.kwh, folded.gco2e, folded.market_kwh, folded.heat_kwh)
       IS DISTINCT FROM (recorded.kwh, recorded.gco2e, recorded.market_kwh, recorded.heat_kwh)
 ORDER BY organization_id, currency
