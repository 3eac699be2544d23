-- Each deposit on chain was credited once, with its amount, to the wallet of its organization or to suspense; and nothing else was.
WITH expected AS (
    SELECT d.id AS deposit, d.entry_id AS entry, d.amount,
           CASE WHEN d.organization_id IS NULL THEN 'SUSPENSE' ELSE 'WALLET' END AS purpose, d.organization_id AS owner
      FROM chain_deposit d WHERE d.state = 'CREDITED'
), actual AS (
    SELECT e.id AS entry, -p.amount AS amount, a.purpose, a.organization_id AS owner
      FROM entry e JOIN posting p ON p.entry_id = e.id JOIN ledger_account a ON a.id = p.account_id AND a.purpose <> 'CLEARING_CHAIN'
     WHERE e.kind IN ('DEPOSIT', 'DEPOSIT_UNASSIGNED')
)
SELECT deposit, entry, expected.amount AS expected, actual.amount AS posted
  FROM expected FULL JOIN actual USING (entry)
 WHERE (expected.amount, expected.purpose, expected.owner) IS DISTINCT FROM (actual.amount, actual.purpose, actual.owner)
 ORDER BY entry
