-- A credit for a claim names its charge, and gives its wallet no more than was paid; one that stands gives no more than is left of
-- that after its final price, and stands beside no refund of the whole.
SELECT e.id AS entry_id, c.usage_id, -p.amount AS credited, c.amount - coalesce(g.amount, 0) AS left
  FROM entry e
  LEFT JOIN charge c ON c.usage_id = substring(e.key FROM '^claim:usage:([0-9]+)$')::bigint
  LEFT JOIN scope s ON s.id = c.wallet_id
  LEFT JOIN posting p ON p.entry_id = e.id AND p.account_id = s.account_id
  LEFT JOIN give_back g ON g.usage_id = c.usage_id
  CROSS JOIN LATERAL (SELECT NOT EXISTS (SELECT 1 FROM entry x WHERE x.reverses = e.id) AS stands) u
 WHERE e.kind = 'CLAIM'
   AND ((-p.amount BETWEEN 0.000000001 AND c.amount - CASE WHEN u.stands THEN coalesce(g.amount, 0) ELSE 0 END) IS NOT TRUE
        OR (u.stands
            AND EXISTS (SELECT 1 FROM entry r WHERE r.key = 'refund:usage:' || c.usage_id
                           AND NOT EXISTS (SELECT 1 FROM entry x WHERE x.reverses = r.id))))
 ORDER BY 1
