-- Numbers of invoices and of credit notes have no gaps, for each booking entity and year, and end where the counter stands.
SELECT c.entity, c.kind, c.year, c.last, count(i.id) AS issued, max(i.seq) AS highest
  FROM invoice_counter c FULL JOIN invoice i ON (i.entity, i.kind, i.year) = (c.entity, c.kind, c.year)
 GROUP BY c.entity, c.kind, c.year, c.last
HAVING c.last IS DISTINCT FROM count(i.id) OR c.last IS DISTINCT FROM max(i.seq)
 ORDER BY 1, 2, 3
