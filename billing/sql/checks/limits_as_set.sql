-- The row of a limit's period has the limit's ceiling, and every row lies in a period of its limit.
SELECT l.id AS limit_id, l.period, l.ceiling, l.turns_at, s.id AS scope_id, s.period_start, s.ceiling AS row_ceiling
  FROM spending_limit l LEFT JOIN scope s ON s.limit_id = l.id
 WHERE s.id IS NULL OR s.period_start IS DISTINCT FROM period_start_v1(l.period, s.period_start)
    OR (l.period = 'LIFETIME') <> (s.period_start IS NULL)
    OR (s.id = l.scope_id AND (s.ceiling <> l.ceiling OR l.turns_at IS DISTINCT FROM period_end_v1(l.period, s.period_start)))
    OR (s.period_start >= l.turns_at)
    OR NOT EXISTS (SELECT 1 FROM scope c WHERE c.id = l.scope_id AND c.limit_id = l.id)
 ORDER BY l.id, s.id
