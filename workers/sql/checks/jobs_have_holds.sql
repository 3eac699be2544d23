-- Every job has a hold of its own, for its card's currency; while it is queued or running the hold is open.
SELECT j.id AS job_id, j.state, j.hold_id, h.state AS hold_state
  FROM job j LEFT JOIN hold h ON h.id = j.hold_id LEFT JOIN price_card d ON d.id = j.card_id
 WHERE h.id IS NULL OR h.source <> j.id OR coalesce(h.price_currency, h.currency) IS DISTINCT FROM d.currency
    OR (j.state IN ('QUEUED', 'RUNNING') AND h.state <> 'OPEN')
 ORDER BY j.id
