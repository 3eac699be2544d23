-- The charges of a hold together are never more than it, and name its wallet and currency; fees are a part of amounts.
SELECT h.id AS hold_id, h.amount AS held, c.amount AS charged, c.usages
  FROM (SELECT hold_id, sum(amount) AS amount, array_agg(usage_id ORDER BY usage_id) AS usages,
               bool_or(fee > amount OR amount + overrun > rated OR 'NaN' IN (rated, amount, fee, overrun)) AS odd,
               min(wallet_id) AS first_wallet, max(wallet_id) AS last_wallet, min(currency) AS first_currency,
               max(currency) AS last_currency
          FROM charge GROUP BY hold_id) c
  LEFT JOIN hold h ON h.id = c.hold_id
 WHERE h.id IS NULL OR c.odd OR c.amount > h.amount OR (c.first_wallet, c.last_wallet) <> (h.scopes[1], h.scopes[1])
    OR (c.first_currency, c.last_currency) <> (h.currency, h.currency)
 ORDER BY h.id
