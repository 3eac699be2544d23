-- Every usage record has its charge, on its job's hold and to its offer's payable; every charge has its usage record.
SELECT coalesce(u.id, c.usage_id) AS usage_id, u.attempt_id, c.hold_id, j.hold_id AS hold_of_job
  FROM usage_record u
  FULL JOIN charge c ON c.usage_id = u.id
  LEFT JOIN charge_conversion v ON v.usage_id = c.usage_id
  LEFT JOIN attempt a ON a.id = u.attempt_id LEFT JOIN job j ON j.id = a.job_id
  LEFT JOIN offer o ON o.id = a.offer_id LEFT JOIN ledger_account p ON p.id = c.payable_id
 WHERE u.id IS NULL OR c.usage_id IS NULL OR j.hold_id IS DISTINCT FROM c.hold_id OR p.purpose <> 'PAYABLE'
    OR p.organization_id <> o.organization_id OR p.currency IS DISTINCT FROM coalesce(v.currency, c.currency)
 ORDER BY 1
