-- An invoice comes to what its entries took from the wallet, or brought the provider in whose name it is, a credit note over an invoice to what that said, and so do their lines.
SELECT i.number, i.net, e.lost, l.exact, i.net_shown, l.shown, i.tax, t.amount AS taxes
  FROM invoice i
  LEFT JOIN invoice c ON c.id = i.corrects
 CROSS JOIN LATERAL (SELECT CASE WHEN c.id IS NOT NULL THEN -c.net ELSE
                       (SELECT CASE i.series WHEN 0 THEN 1 ELSE -1 END * sum(p.amount) FROM invoice_entry x
                          JOIN posting p ON p.entry_id = x.entry_id AND p.account_id = x.account_id
                         WHERE x.invoice_id = i.id AND x.account_id = i.account_id) END AS lost) e
 CROSS JOIN LATERAL (SELECT sum((x ->> 'exact')::numeric) AS exact, sum((x ->> 'shown')::numeric) AS shown
                       FROM jsonb_array_elements(i.content::jsonb -> 'lines') x) l
 CROSS JOIN LATERAL (SELECT coalesce(sum((x ->> 'amount')::numeric), 0) AS amount
                       FROM jsonb_array_elements(i.content::jsonb -> 'taxes') x) t
 WHERE i.net IS DISTINCT FROM e.lost OR i.net IS DISTINCT FROM l.exact OR i.net_shown IS DISTINCT FROM l.shown
    OR i.tax IS DISTINCT FROM t.amount
 ORDER BY i.number
