-- Every payment that is paid has exactly one entry, under its payment intent, that credits wallet and reserve with its amount.
WITH expected AS (
    SELECT t.entry_id, t.uid::text AS top_up, t.payment_intent_id, t.amount, t.reserved FROM stripe_top_up t WHERE t.state = 'PAID'
), actual AS (
    SELECT e.id AS entry_id, substr(e.key, length('stripe:topup:') + 1) AS payment_intent_id,
           coalesce(sum(-p.amount) FILTER (WHERE a.purpose IN ('WALLET', 'RESERVE')), 0) AS credited,
           coalesce(sum(-p.amount) FILTER (WHERE a.purpose = 'RESERVE'), 0) AS reserved
      FROM entry e JOIN posting p ON p.entry_id = e.id JOIN ledger_account a ON a.id = p.account_id
     WHERE e.kind = 'STRIPE_TOPUP' GROUP BY e.id
)
SELECT entry_id, expected.top_up, actual.payment_intent_id AS posted_for, expected.amount, actual.credited
  FROM expected FULL JOIN actual USING (entry_id)
 WHERE (expected.payment_intent_id, expected.amount, expected.reserved)
       IS DISTINCT FROM (actual.payment_intent_id, actual.credited, actual.reserved)
 ORDER BY entry_id
