-- An open hold belongs to a job that is queued or running, or to a charge that is still to be posted.
SELECT h.id AS hold_id, h.source, h.amount, h.released, j.state AS job_state
  FROM hold h LEFT JOIN job j ON j.hold_id = h.id
 WHERE h.state = 'OPEN' AND j.state IS DISTINCT FROM 'QUEUED' AND j.state IS DISTINCT FROM 'RUNNING'
   AND NOT EXISTS (SELECT 1 FROM charge c JOIN charge_queue q ON q.usage_id = c.usage_id WHERE c.hold_id = h.id)
   AND NOT EXISTS (SELECT 1 FROM charge c JOIN charge_quarantine q ON q.usage_id = c.usage_id WHERE c.hold_id = h.id)
 ORDER BY h.id
