-- What the two triggers of the ledger's hot tables check. They run for every posting, so each asks one question.

-- One statement, one look at everything it inserted. A posting joins an entry made in the same database transaction (the
-- entry is sealed afterwards), names an open account of its own currency, and every entry sums to zero in each currency.
-- Amounts are never zero, so a balanced entry has at least two postings.
CREATE OR REPLACE FUNCTION check_postings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    here bigint := ledger_cluster();
    plain boolean;
    off numeric;
    wrong record;
    wallets bigint[];
    amounts numeric[];
BEGIN
    SELECT min(n.entry_id) = max(n.entry_id) AND min(n.currency) = max(n.currency) AND bool_and(e.id IS NOT NULL AND a.id IS NOT NULL),
           sum(n.amount),
           array_agg(s.id) FILTER (WHERE s.id IS NOT NULL), array_agg(a.normal * n.amount) FILTER (WHERE s.id IS NOT NULL)
      INTO plain, off, wallets, amounts
      FROM new_postings n
      LEFT JOIN entry e ON e.id = n.entry_id AND e.xid = pg_current_xact_id() AND e.cluster = here
      LEFT JOIN ledger_account a ON a.id = n.account_id AND a.currency = n.currency AND a.closed_at IS NULL
      LEFT JOIN scope s ON s.account_id = n.account_id;
    IF NOT plain OR off <> 0 THEN
        -- Several entries or currencies, or something is wrong: each is looked at by itself.
        SELECT n.entry_id, n.currency, sum(n.amount) AS off, bool_or(e.id IS NULL) AS sealed,
               min(n.account_id) FILTER (WHERE a.id IS NULL) AS account
          INTO wrong
          FROM new_postings n
          LEFT JOIN entry e ON e.id = n.entry_id AND e.xid = pg_current_xact_id() AND e.cluster = here
          LEFT JOIN ledger_account a ON a.id = n.account_id AND a.currency = n.currency AND a.closed_at IS NULL
         GROUP BY n.entry_id, n.currency
        HAVING sum(n.amount) <> 0 OR bool_or(e.id IS NULL) OR bool_or(a.id IS NULL)
         LIMIT 1;
        IF wrong.off <> 0 THEN
            RAISE EXCEPTION 'entry % does not balance: % % too much', wrong.entry_id, wrong.off, wrong.currency
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'posting_balances';
        ELSIF wrong.sealed THEN
            RAISE EXCEPTION 'entry % is sealed', wrong.entry_id
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'posting_sealed';
        ELSIF wrong.account IS NOT NULL THEN
            RAISE EXCEPTION 'account % is missing, closed, or of another currency', wrong.account
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'posting_account';
        END IF;
    END IF;
    -- A wallet's scope row IS its balance, so whatever posts to a wallet moves it, in the one lock order (kind, id).
    IF cardinality(wallets) = 1 THEN
        UPDATE scope SET posted = posted + amounts[1] WHERE id = wallets[1];
    ELSIF wallets IS NOT NULL THEN
        PERFORM 1 FROM scope s WHERE s.id = ANY (wallets) ORDER BY s.kind, s.id FOR NO KEY UPDATE;
        UPDATE scope s SET posted = s.posted + d.amount
          FROM (SELECT u.id, sum(u.amount) AS amount FROM unnest(wallets, amounts) u(id, amount) GROUP BY u.id) d
         WHERE s.id = d.id AND s.id = ANY (wallets);
    END IF;
    RETURN NULL;
END $$;

-- An entry and its postings arrive in one statement; this is asked when that statement is over.
CREATE OR REPLACE FUNCTION check_entry_has_postings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    bare bigint;
BEGIN
    -- The first leg is number 1; asking for it by the whole primary key leaves the planner one index to take.
    SELECT e.id INTO bare FROM new_entries e
     WHERE NOT EXISTS (SELECT 1 FROM posting p WHERE p.entry_id = e.id AND p.seq = 1) LIMIT 1;
    IF bare IS NOT NULL THEN
        RAISE EXCEPTION 'entry % has no postings', bare
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_has_postings';
    END IF;
    RETURN NULL;
END $$;
