-- What a wallet says it has is the sum of its postings, in its account's currency; every wallet account has a wallet.
SELECT a.code AS account, s.id AS scope_id, s.currency, s.posted, a.normal * coalesce(p.amount, 0) AS postings
  FROM ledger_account a
  FULL JOIN scope s ON s.account_id = a.id
  LEFT JOIN (SELECT account_id, sum(amount) AS amount FROM posting GROUP BY account_id) p ON p.account_id = a.id
 WHERE (a.purpose = 'WALLET' OR s.kind = 1)
   AND (s.id IS NULL OR a.id IS NULL OR s.currency <> a.currency OR s.organization_id IS DISTINCT FROM a.organization_id
        OR s.posted <> a.normal * coalesce(p.amount, 0))
 ORDER BY a.code, s.id
