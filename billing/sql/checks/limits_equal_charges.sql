-- What is left of a limit is its ceiling less every posted charge whose hold names it.
SELECT s.id AS scope_id, s.kind, s.ceiling, s.posted, s.ceiling - coalesce(c.amount, 0) AS left_by_charges
  FROM scope s
  LEFT JOIN (SELECT x.id, sum(c.amount) AS amount
               FROM charge c JOIN charge_entry e ON e.usage_id = c.usage_id JOIN hold h ON h.id = c.hold_id
              CROSS JOIN unnest(h.scopes[2:]) x(id) GROUP BY x.id) c ON c.id = s.id
 WHERE s.kind > 1 AND s.posted <> s.ceiling - coalesce(c.amount, 0) ORDER BY s.id
