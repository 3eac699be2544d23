-- What was sold to a wallet in another currency is what its hold locked: at that quote, in that currency, never more than the
-- hold covers, and worth its middle rate or what the wallet paid.
SELECT v.usage_id, h.id AS hold_id, v.currency, v.amount, v.mid_amount, c.amount AS paid
  FROM charge_conversion v
  LEFT JOIN charge c ON c.usage_id = v.usage_id LEFT JOIN hold h ON h.id = c.hold_id LEFT JOIN fx_quote q ON q.id = v.quote_id
  LEFT JOIN ledger_account p ON p.id = c.payable_id
 WHERE (v.quote_id, v.currency, c.currency, p.currency) IS DISTINCT FROM (h.quote_id, h.price_currency, h.currency, v.currency)
    OR (q.base, q.quote) IS DISTINCT FROM (c.currency, v.currency)
    OR v.mid_amount <> least(c.amount, round_half_even(v.amount * q.mid, 9))
    OR v.amount > h.price_amount
UNION ALL
SELECT c.usage_id, h.id, h.price_currency, NULL, NULL, c.amount
  FROM hold h JOIN charge c ON c.hold_id = h.id
 WHERE h.quote_id IS NOT NULL AND NOT EXISTS (SELECT 1 FROM charge_conversion v WHERE v.usage_id = c.usage_id)
 ORDER BY 1
