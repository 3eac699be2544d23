-- Numbers of invoices and of credit notes have no gaps, for each booking entity (and provider, of self-billed ones) and year, and end
-- where the counter stands.
WITH counted AS (
    SELECT entity, 0::bigint AS series, kind, year, last FROM invoice_counter
     UNION ALL
    SELECT entity, organization_id, kind, year, last FROM self_billing_counter
)
SELECT c.entity, c.series, c.kind, c.year, c.last, count(i.id) AS issued, max(i.seq) AS highest
  FROM counted c FULL JOIN invoice i ON (i.entity, i.series, i.kind, i.year) = (c.entity, c.series, c.kind, c.year)
 GROUP BY c.entity, c.series, c.kind, c.year, c.last
HAVING c.last IS DISTINCT FROM count(i.id) OR c.last IS DISTINCT FROM max(i.seq)
 ORDER BY 1, 2, 3, 4
