-- What is looked at whenever an entry is posted is looked at once a statement, and no oftener than it can change.

DROP TRIGGER entry_posts ON entry;
CREATE TRIGGER entry_posts AFTER INSERT ON entry REFERENCING NEW TABLE AS new_entries
    FOR EACH STATEMENT EXECUTE FUNCTION write_postings();

-- What a scope is, said once: a wallet has an account and nothing of a limit, a limit the other way round. A limit lowered
-- below what is out already has room for nothing, and what is out may still settle. A trigger, because a constraint is read and
-- prepared anew for every change of a balance, which changes none of this.
CREATE FUNCTION check_scope() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'a scope is a wallet or a limit'
        USING ERRCODE = 'check_violation', CONSTRAINT = 'scope_is_sound', TABLE = 'scope';
END $$;
ALTER TABLE scope DROP CONSTRAINT scope_is_sound;
CREATE TRIGGER scope_is_sound BEFORE INSERT OR UPDATE OF kind, account_id, ceiling, limit_id, floor ON scope
    FOR EACH ROW WHEN (NOT CASE
        WHEN NEW.kind = 1 THEN NEW.account_id IS NOT NULL AND NEW.ceiling IS NULL AND NEW.limit_id IS NULL
        ELSE NEW.kind BETWEEN 2 AND 4 AND NEW.account_id IS NULL AND NEW.ceiling IS NOT NULL AND NEW.limit_id IS NOT NULL
             AND NEW.floor <= 0
        END)
    EXECUTE FUNCTION check_scope();
