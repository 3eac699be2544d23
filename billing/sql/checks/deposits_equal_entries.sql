-- Each deposit on chain was credited once, with its amount, to the wallet of its organization or to suspense; what two people
-- gave to somebody left suspense once; and nothing else was.
WITH expected AS (
    SELECT d.id AS deposit, d.entry_id AS entry, d.amount,
           CASE WHEN d.organization_id IS NULL OR d.approval_id IS NOT NULL THEN 'SUSPENSE' ELSE 'WALLET' END AS purpose,
           CASE WHEN d.approval_id IS NULL THEN d.organization_id END AS owner
      FROM chain_deposit d WHERE d.state = 'CREDITED'
     UNION ALL
    SELECT d.id, d.assigned_entry_id, d.amount, 'WALLET', d.organization_id FROM chain_deposit d WHERE d.approval_id IS NOT NULL
), actual AS (
    SELECT e.id AS entry, -p.amount AS amount, a.purpose, a.organization_id AS owner
      FROM entry e JOIN posting p ON p.entry_id = e.id JOIN ledger_account a ON a.id = p.account_id AND a.purpose <> 'CLEARING_CHAIN'
     WHERE e.kind IN ('DEPOSIT', 'DEPOSIT_UNASSIGNED') OR e.kind = 'DEPOSIT_ASSIGNED' AND a.purpose <> 'SUSPENSE'
)
SELECT deposit, entry, expected.amount AS expected, actual.amount AS posted
  FROM expected FULL JOIN actual USING (entry)
 WHERE (expected.amount, expected.purpose, expected.owner) IS DISTINCT FROM (actual.amount, actual.purpose, actual.owner)
 ORDER BY entry
