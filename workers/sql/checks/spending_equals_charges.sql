-- What is folded of each organization's spending is the sum of its charges up to the cursor, in each currency.
WITH folded AS (
    SELECT organization_id, currency, sum(amount) AS amount FROM spend_day GROUP BY organization_id, currency
), charged AS (
    SELECT j.organization_id, c.currency, sum(c.amount) AS amount
      FROM charge c JOIN hold h ON h.id = c.hold_id JOIN job j ON j.id = h.source
     WHERE c.usage_id <= coalesce((SELECT folded_to FROM spend_cursor), 0) GROUP BY j.organization_id, c.currency
)
SELECT organization_id, currency, folded.amount AS folded, charged.amount AS charged
  FROM folded FULL JOIN charged USING (organization_id, currency)
 WHERE folded.amount IS DISTINCT FROM charged.amount
 ORDER BY organization_id, currency
