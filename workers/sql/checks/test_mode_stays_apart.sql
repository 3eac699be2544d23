-- Test keys spend test money on simulated nodes; other keys spend money on real ones. Jobs from before that was a rule are left alone.
SELECT j.id AS job_id, k.mode, h.currency, a.id AS attempt_id, n.simulated
  FROM job j JOIN accounts_apikey k ON k.id = j.api_key_id JOIN hold h ON h.id = j.hold_id
  LEFT JOIN attempt a ON a.job_id = j.id LEFT JOIN node n ON n.id = a.node_id
 WHERE ((k.mode = 'TEST') <> (h.currency = 'XTS') OR n.simulated <> (h.currency = 'XTS'))
   AND j.submitted_at > coalesce((SELECT max(applied) FROM django_migrations
                                   WHERE app = 'workers' AND name = '0005_test_mode'), '-infinity')
 ORDER BY 1, 4
