-- A running job has one running attempt, and no other job has any; an attempt's card is one of its offer's.
SELECT j.id AS job_id, j.state, a.id AS attempt_id, a.state AS attempt_state
  FROM job j LEFT JOIN attempt a ON a.job_id = j.id AND a.state = 'RUNNING'
 WHERE (j.state = 'RUNNING') <> (a.id IS NOT NULL)
UNION ALL
SELECT a.job_id, NULL, a.id, a.state FROM attempt a LEFT JOIN price_card d ON d.id = a.card_id AND d.offer_id = a.offer_id
 WHERE d.id IS NULL
 ORDER BY 1, 3
