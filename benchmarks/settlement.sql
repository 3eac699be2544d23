-- Charges of 0.1 with a fee of 0.005, in turn of all providers, in entries of :legs each.
SET session_replication_role = replica;
INSERT INTO accounts_organization (uid, name, country, created_at)
SELECT gen_random_uuid(), 'provider ' || n, 'DE', '2026-01-01' FROM generate_series(1, :providers) n;
CREATE TEMP TABLE provider AS
SELECT row_number() OVER (ORDER BY id) - 1 AS number, id AS organization_id, account_v1('PAYABLE', id, 'USD') AS account_id
  FROM accounts_organization WHERE name LIKE 'provider %';
INSERT INTO payout_method (uid, organization_id, rail, currency, country, details, key_id, fingerprint, hint, rank, state, reason,
                           added_at, payable_from, verified_at)
SELECT gen_random_uuid(), organization_id, 'manual', 'USD', 'DE', 'x', 'x', lpad(organization_id::text, 64, '0'), 'bench', 1,
       'READY', '', '2026-01-01', '2026-01-02', '2026-01-02' FROM provider;
INSERT INTO compliance_step (uid, organization_id, kind, state, form, made_by, made_at)
SELECT gen_random_uuid(), organization_id, x.kind, x.state, x.form, gen_random_uuid(), '2026-01-01'
  FROM provider, (VALUES ('IDENTITY', 'VERIFIED', ''), ('TAX_FORM', 'ACCEPTED', 'bench')) x(kind, state, form);
CREATE TEMP TABLE sold AS
SELECT n AS number, n / :legs AS entry, (SELECT coalesce(max(id), 0) FROM entry) + 1 + n / :legs AS entry_id, p.account_id
  FROM generate_series(0, :charges - 1) n JOIN provider p ON p.number = n % :providers;
INSERT INTO charge (usage_id, hold_id, wallet_id, payable_id, currency, rated, amount, fee, overrun, closes_hold, rated_at)
SELECT 1000 + number, 1, 1, account_id, 'USD', 0.1, 0.1, 0.005, 0, true, now() FROM sold;
INSERT INTO charge_entry (usage_id, entry_id) SELECT 1000 + number, entry_id FROM sold;
INSERT INTO entry (id, key, kind, actor, happened_at, accounts, amounts) OVERRIDING SYSTEM VALUE
SELECT entry_id, 'charge:bench:' || entry_id, 'CHARGE', 'bench', now(), ARRAY[w.id, f.id] || array_agg(account_id ORDER BY number),
       ARRAY[0.1 * count(*), -0.005 * count(*)] || array_agg(-0.095)
  FROM sold, (SELECT min(id) AS id FROM ledger_account WHERE purpose = 'WALLET') w,
       (SELECT account_v1('PLATFORM_FEE', NULL, 'USD') AS id) f
 GROUP BY entry_id, w.id, f.id;
INSERT INTO posting (entry_id, seq, account_id, currency, amount)
SELECT e.id, l.seq, l.account, 'USD', l.amount
  FROM entry e CROSS JOIN LATERAL unnest(e.accounts, e.amounts) WITH ORDINALITY l(account, amount, seq) WHERE e.actor = 'bench';
SELECT setval('entry_id_seq', (SELECT max(id) FROM entry));
SET session_replication_role = origin;
