-- What a scope has set aside is the sum of what its open holds have not given back.
SELECT s.id AS scope_id, s.kind, s.held, coalesce(o.amount, 0) AS open_holds
  FROM scope s
  FULL JOIN (SELECT x.id, sum(h.amount - h.released) AS amount
               FROM hold h CROSS JOIN unnest(h.scopes) x(id) WHERE h.state = 'OPEN' GROUP BY x.id) o ON o.id = s.id
 WHERE s.id IS NULL OR s.held <> coalesce(o.amount, 0) ORDER BY s.id
