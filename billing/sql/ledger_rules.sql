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

CREATE TRIGGER posting_checked AFTER INSERT ON posting
    REFERENCING NEW TABLE AS new_postings FOR EACH STATEMENT EXECUTE FUNCTION check_postings();
CREATE CONSTRAINT TRIGGER entry_has_postings AFTER INSERT ON entry DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW EXECUTE FUNCTION check_entry_has_postings();

-- The application reads the ledger; it writes only through the functions of the other files.
REVOKE ALL ON currency, account_purpose, ledger_account, entry, posting, ledger_seq, ledger_cursor, account_fold, scope, hold
    FROM :app_role;
GRANT SELECT ON currency, account_purpose, ledger_account, entry, posting, ledger_seq, ledger_cursor, account_fold, scope, hold
    TO :app_role;
