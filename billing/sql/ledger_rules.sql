-- What must never be, refused by the database itself.

CREATE TRIGGER entry_append_only BEFORE UPDATE OR DELETE ON entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER entry_no_truncate BEFORE TRUNCATE ON entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_append_only BEFORE UPDATE OR DELETE ON posting FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER posting_no_truncate BEFORE TRUNCATE ON posting FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_seq_append_only BEFORE UPDATE OR DELETE ON ledger_seq FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER ledger_seq_no_truncate BEFORE TRUNCATE ON ledger_seq FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- An account keeps its meaning for ever; only closing it is a change.
CREATE FUNCTION keep_account_identity() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.code, NEW.purpose, NEW.currency, NEW.category, NEW.organization_id)
       IS DISTINCT FROM (OLD.id, OLD.code, OLD.purpose, OLD.currency, OLD.category, OLD.organization_id) THEN
        RAISE EXCEPTION 'ledger account % keeps its identity', OLD.code USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER ledger_account_identity BEFORE UPDATE ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION keep_account_identity();
CREATE TRIGGER ledger_account_kept BEFORE DELETE ON ledger_account
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- One statement, one look at everything it inserted. A posting joins an entry made in the same database transaction (the
-- entry is sealed afterwards), names an open account of its own currency, and every entry sums to zero in each currency.
-- Amounts are never zero, so a balanced entry has at least two postings.
CREATE FUNCTION check_postings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    here bigint := ledger_cluster();
    wrong record;
    wallets bigint[];
    amounts numeric[];
BEGIN
    SELECT n.entry_id, n.currency, sum(n.amount) AS off, bool_or(e.open IS NOT TRUE) AS sealed,
           min(n.account_id) FILTER (WHERE a.currency IS DISTINCT FROM n.currency OR a.closed_at IS NOT NULL) AS account
      INTO wrong
      FROM new_postings n
      -- OFFSET 0 has each row looked up by its id, whatever the planner last heard of the tables.
      LEFT JOIN LATERAL (SELECT xid = pg_current_xact_id() AND cluster = here AS open
                           FROM entry WHERE id = n.entry_id OFFSET 0) e ON true
      LEFT JOIN LATERAL (SELECT currency, closed_at FROM ledger_account WHERE id = n.account_id OFFSET 0) a ON true
     GROUP BY n.entry_id, n.currency
    HAVING sum(n.amount) <> 0 OR bool_or(e.open IS NOT TRUE)
        OR bool_or(a.currency IS DISTINCT FROM n.currency OR a.closed_at IS NOT NULL)
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
    -- A wallet's scope row IS its balance, so whatever posts to a wallet moves it, in the one lock order (kind, id).
    SELECT array_agg(d.id), array_agg(d.amount) INTO wallets, amounts FROM (
        SELECT s.id, a.normal * sum(n.amount) AS amount
          FROM new_postings n
          CROSS JOIN LATERAL (SELECT id FROM scope WHERE account_id = n.account_id OFFSET 0) s
          CROSS JOIN LATERAL (SELECT normal FROM ledger_account WHERE id = n.account_id OFFSET 0) a
         GROUP BY s.id, a.normal) d;
    IF cardinality(wallets) > 1 THEN
        PERFORM 1 FROM scope s WHERE s.id = ANY (wallets) ORDER BY s.kind, s.id FOR NO KEY UPDATE;
    END IF;
    UPDATE scope s SET posted = s.posted + d.amount FROM unnest(wallets, amounts) d(id, amount)
     WHERE s.id = d.id AND s.id = ANY (wallets);
    RETURN NULL;
END $$;
CREATE TRIGGER posting_checked AFTER INSERT ON posting
    REFERENCING NEW TABLE AS new_postings FOR EACH STATEMENT EXECUTE FUNCTION check_postings();

CREATE FUNCTION check_entry_has_postings() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- The first leg is number 1; asking for it by the whole primary key leaves the planner one index to take.
    IF NOT EXISTS (SELECT 1 FROM posting WHERE entry_id = NEW.id AND seq = 1) THEN
        RAISE EXCEPTION 'entry % has no postings', NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_has_postings';
    END IF;
    RETURN NULL;
END $$;
CREATE CONSTRAINT TRIGGER entry_has_postings AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_entry_has_postings();

-- The application reads the ledger; it writes only through the functions of the other files.
REVOKE ALL ON currency, account_purpose, ledger_account, entry, posting, ledger_seq, ledger_cursor, account_fold, scope, hold
    FROM :app_role;
GRANT SELECT ON currency, account_purpose, ledger_account, entry, posting, ledger_seq, ledger_cursor, account_fold, scope, hold
    TO :app_role;
