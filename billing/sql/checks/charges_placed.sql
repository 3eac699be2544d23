-- Every charge of more than nothing is queued, posted or quarantined: exactly one of them. Nothing else is.
SELECT coalesce(c.usage_id, q.usage_id, e.usage_id, z.usage_id) AS usage_id, c.amount, c.overrun,
       q.usage_id IS NOT NULL AS queued, e.usage_id IS NOT NULL AS posted, z.usage_id IS NOT NULL AS quarantined
  FROM charge c
  FULL JOIN charge_queue q ON q.usage_id = c.usage_id
  FULL JOIN charge_entry e ON e.usage_id = c.usage_id
  FULL JOIN charge_quarantine z ON z.usage_id = c.usage_id
 WHERE c.usage_id IS NULL
    OR (q.usage_id IS NOT NULL)::int + (e.usage_id IS NOT NULL)::int + (z.usage_id IS NOT NULL)::int
       NOT BETWEEN (c.amount + c.overrun > 0)::int AND 1
    OR (e.usage_id IS NOT NULL AND c.amount + c.overrun = 0)
 ORDER BY 1
