-- A closed hold gave everything back; an open one is not one whose last charge is posted.
SELECT h.id AS hold_id, h.state, h.amount, h.released
  FROM hold h
 WHERE (h.state = 'CLOSED' AND h.released <> h.amount)
    OR (h.state = 'OPEN' AND EXISTS (SELECT 1 FROM charge c WHERE c.hold_id = h.id AND c.closes_hold)
        AND NOT EXISTS (SELECT 1 FROM charge c JOIN charge_queue q ON q.usage_id = c.usage_id WHERE c.hold_id = h.id)
        AND NOT EXISTS (SELECT 1 FROM charge c JOIN charge_quarantine q ON q.usage_id = c.usage_id WHERE c.hold_id = h.id))
 ORDER BY h.id
