-- Of each settled provider the opening and the lines come to the balance, and its entries moved on its payable account what the item says.
SELECT i.id AS item, i.opening + coalesce(l.amount, 0) AS lines, i.balance, coalesce(e.amount, 0) AS posted,
       i.held - i.released + i.tax + i.fee + i.amount AS agreed
  FROM settlement_item i
  LEFT JOIN LATERAL (SELECT sum(amount) AS amount FROM settlement_line WHERE item_id = i.id) l ON true
  LEFT JOIN LATERAL (SELECT sum(p.amount) AS amount FROM posting p
                      WHERE p.entry_id = ANY (i.entries) AND p.account_id = i.account_id) e ON true
 WHERE i.opening + coalesce(l.amount, 0) <> i.balance
    OR coalesce(e.amount, 0) <> CASE WHEN i.outcome IN ('PAID_OUT', 'CARRIED') THEN i.held - i.released + i.tax + i.fee + i.amount ELSE 0 END
 ORDER BY i.id
