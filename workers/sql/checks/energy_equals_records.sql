-- What is folded of energy, grams and heat is the sum of usage records up to the cursor, for each buyer, site and currency.
WITH folded AS (
    SELECT organization_id, site_id, currency, sum(charges) AS charges, sum(amount) AS amount, sum(kwh) AS kwh, sum(gco2e) AS gco2e,
           sum(market_kwh) AS market_kwh, sum(heat_kwh) AS heat_kwh
      FROM energy_day GROUP BY organization_id, site_id, currency
), recorded AS (
    SELECT j.organization_id, o.site_id, c.currency, count(*) AS charges, sum(c.amount) AS amount, sum(e.kwh) AS kwh,
           sum(e.gco2e) AS gco2e, sum(e.market_kwh) AS market_kwh, sum(e.heat_kwh) AS heat_kwh
      FROM charge c JOIN hold h ON h.id = c.hold_id JOIN job j ON j.id = h.source JOIN usage_energy e ON e.usage_id = c.usage_id
      JOIN attempt a ON a.id = e.attempt_id JOIN offer o ON o.id = a.offer_id
     WHERE c.usage_id <= coalesce((SELECT energy_to FROM spend_cursor), 0)
     GROUP BY j.organization_id, o.site_id, c.currency
)
SELECT organization_id, site_id, currency, folded.kwh AS folded, recorded.kwh AS recorded
  FROM folded FULL JOIN recorded USING (organization_id, site_id, currency)
 WHERE (folded.charges, folded.amount, folded.kwh, folded.gco2e, folded.market_kwh, folded.heat_kwh)
       IS DISTINCT FROM
       (recorded.charges, recorded.amount, recorded.kwh, recorded.gco2e, recorded.market_kwh, recorded.heat_kwh)
 ORDER BY organization_id, site_id, currency
