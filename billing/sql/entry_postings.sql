-- An entry writes its postings. Nothing else can: they are sealed from the start.

-- Constant for as long as a server runs, so a plan may keep it: reading the control file costs more than a posting.
CREATE OR REPLACE FUNCTION ledger_cluster() RETURNS bigint LANGUAGE sql IMMUTABLE AS $$
    SELECT (pg_catalog.pg_control_system()).system_identifier
$$;

-- Every leg names an open account, the legs of each entry sum to zero in each currency, and each becomes a posting in the
-- currency of its account. Amounts are never zero, so a balanced entry has at least two postings. Runs once a statement, for
-- all entries that it brought: starting a query costs more than what it does for one entry. Most statements bring one entry of
-- one currency with at most one wallet, and that is answered by one look.
CREATE OR REPLACE FUNCTION write_postings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    plain boolean;
    unit text;
    off numeric;
    wrong record;
    wallets bigint[];
    sums numeric[];
BEGIN
    SELECT min(e.id) = max(e.id) AND count(a.id) = count(*) AND min(a.currency) = max(a.currency), min(a.currency), sum(l.amount),
           array_agg(l.account) FILTER (WHERE a.purpose = 'WALLET'), array_agg(-l.amount) FILTER (WHERE a.purpose = 'WALLET')
      INTO plain, unit, off, wallets, sums
      FROM new_entries e
     CROSS JOIN LATERAL unnest(e.accounts, e.amounts) AS l(account, amount)
      LEFT JOIN ledger_account a ON a.id = l.account AND a.closed_at IS NULL;
    IF plain AND off = 0 THEN
        INSERT INTO posting (entry_id, seq, account_id, currency, amount)
        SELECT e.id, l.seq, l.account, unit, l.amount
          FROM new_entries e CROSS JOIN LATERAL unnest(e.accounts, e.amounts) WITH ORDINALITY AS l(account, amount, seq);
    ELSE
        -- Several entries or currencies, or something is wrong.
        SELECT e.id, a.currency, sum(l.amount) AS off, bool_or(a.id IS NULL) AS bad, min(l.account) FILTER (WHERE a.id IS NULL) AS account
          INTO wrong
          FROM new_entries e
         CROSS JOIN LATERAL unnest(e.accounts, e.amounts) AS l(account, amount)
          LEFT JOIN ledger_account a ON a.id = l.account AND a.closed_at IS NULL
         GROUP BY e.id, a.currency HAVING bool_or(a.id IS NULL) OR sum(l.amount) <> 0
         ORDER BY bad DESC LIMIT 1;
        IF wrong.bad AND EXISTS (SELECT 1 FROM ledger_account WHERE id = wrong.account) THEN
            RAISE EXCEPTION 'account % is closed', wrong.account
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'posting_account_open';
        ELSIF wrong.bad THEN
            RAISE EXCEPTION 'account % does not exist', wrong.account
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'posting_account_known';
        ELSIF wrong.off <> 0 THEN
            RAISE EXCEPTION 'entry % does not balance: % % too much', wrong.id, wrong.off, wrong.currency
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'posting_balances';
        END IF;
        INSERT INTO posting (entry_id, seq, account_id, currency, amount)
        SELECT e.id, l.seq, l.account, a.currency, l.amount
          FROM new_entries e
         CROSS JOIN LATERAL unnest(e.accounts, e.amounts) WITH ORDINALITY AS l(account, amount, seq)
          JOIN ledger_account a ON a.id = l.account;
    END IF;
    -- A wallet's scope row IS its balance, so whatever posts to a wallet moves it, in the one lock order (kind, id).
    IF cardinality(wallets) = 1 THEN
        UPDATE scope SET posted = posted + sums[1] WHERE account_id = wallets[1];
    ELSIF wallets IS NOT NULL THEN
        PERFORM 1 FROM scope s WHERE s.account_id = ANY (wallets) ORDER BY s.kind, s.id FOR NO KEY UPDATE;
        UPDATE scope s SET posted = s.posted + d.amount
          FROM (SELECT u.account, sum(u.amount) AS amount FROM unnest(wallets, sums) u(account, amount) GROUP BY u.account) d
         WHERE s.account_id = d.account AND s.account_id = ANY (wallets);
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE FUNCTION refuse_postings() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'postings are written by their entry, with it'
        USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'posting_sealed';
END $$;
