-- A hold names a wallet and then limits, all of one organization and in the hold's currency, each once, and of each
-- limit the row of the period in which the hold was opened.
SELECT h.id AS hold_id, h.currency, x.place, s.id AS scope_id, s.kind, s.currency AS scope_currency, s.period_start
  FROM hold h JOIN scope w ON w.id = h.scopes[1]
  CROSS JOIN LATERAL unnest(h.scopes) WITH ORDINALITY x(id, place) LEFT JOIN scope s ON s.id = x.id
  LEFT JOIN spending_limit l ON l.id = s.limit_id
 WHERE s.id IS NULL OR s.currency <> h.currency OR s.organization_id <> w.organization_id OR (x.place = 1) <> (s.kind = 1)
    OR (SELECT count(*) FROM unnest(h.scopes) o(id) JOIN scope t ON t.id = o.id WHERE t.limit_id = s.limit_id) > 1
    -- A transaction that began just before a turn may find the row that another has made.
    OR h.opened_at < s.period_start - interval '1 minute' OR h.opened_at >= period_end_v1(l.period, s.period_start)
 ORDER BY h.id, x.place
