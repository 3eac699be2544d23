-- Only a job's billable attempt has usage records, and it has at least one; they are numbered from one.
SELECT j.id AS job_id, j.billable_attempt_id, u.attempt_id, u.records
  FROM (SELECT a.job_id, r.attempt_id, count(*) AS records, max(r.seq) AS last_seq
          FROM usage_record r LEFT JOIN attempt a ON a.id = r.attempt_id GROUP BY a.job_id, r.attempt_id) u
  FULL JOIN (SELECT * FROM job WHERE billable_attempt_id IS NOT NULL) j ON j.id = u.job_id
 WHERE j.billable_attempt_id IS DISTINCT FROM u.attempt_id OR u.records <> u.last_seq ORDER BY 1
