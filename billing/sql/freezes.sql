-- Freezing money and letting it go. The freeze's row is locked before any balance, by both.

-- Freeze what is in an account now, or what has come or been let go by jobs since; gives how much was moved. What jobs hold
-- stays until they end. A frozen wallet starts nothing and sells nothing, whatever comes into it meanwhile. By nobody (the nil
-- UUID), it is frozen by the system.
CREATE OR REPLACE FUNCTION freeze_v1(p_uid uuid, p_account bigint, p_reason text, p_by uuid, p_at timestamptz)
RETURNS TABLE (freeze_id bigint, amount numeric)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    source ledger_account;
    kept money_freeze;
    here bigint;
    turn int;
BEGIN
    SELECT * INTO source FROM ledger_account WHERE id = p_account AND purpose IN ('WALLET', 'PAYABLE');
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % is neither a wallet nor owed to anybody', p_account
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'freeze_account_fits';
    END IF;
    LOOP
        INSERT INTO money_freeze (uid, organization_id, account_id, reason, made_by, made_at)
        VALUES (p_uid, source.organization_id, p_account, p_reason, p_by, p_at) ON CONFLICT DO NOTHING;
        -- Whoever was at it before has ended: the index of open freezes waits. One that is just being let go is let go first,
        -- and what came since is frozen anew.
        SELECT * INTO kept FROM money_freeze f WHERE f.account_id = p_account AND f.ended_at IS NULL FOR NO KEY UPDATE;
        EXIT WHEN FOUND;
    END LOOP;
    IF source.purpose = 'WALLET' THEN
        amount := (SELECT s.posted - s.held FROM scope s WHERE s.account_id = p_account FOR NO KEY UPDATE);
        UPDATE scope s SET frozen = true WHERE s.account_id = p_account AND NOT s.frozen;
    ELSE
        -- Whoever pays it out meanwhile is waited for, and waits.
        PERFORM 1 FROM ledger_account a WHERE a.id = p_account FOR NO KEY UPDATE;
        amount := balance_v1(p_account);
    END IF;
    freeze_id := kept.id;
    amount := greatest(coalesce(amount, 0), 0);
    IF amount > 0 THEN
        here := account_v1('FROZEN', source.organization_id, source.currency);
        turn := (SELECT count(*) FROM entry e WHERE e.key LIKE 'freeze:' || kept.uid || ':%');
        PERFORM 1 FROM post_v1('freeze:' || kept.uid || ':' || turn + 1, 'FREEZE', coalesce('user:' || nullif(p_by, '00000000-0000-0000-0000-000000000000'), 'system:freeze'), kept.reason, p_at,
                               ARRAY[least(p_account, here), greatest(p_account, here)],
                               CASE WHEN p_account < here THEN ARRAY[amount, -amount] ELSE ARRAY[-amount, amount] END);
        UPDATE money_freeze f SET frozen = f.frozen + amount WHERE f.id = kept.id;
    END IF;
    RETURN NEXT;
END $$;

-- Let go what is frozen, as a second person approved it: this freeze, this amount, back to the account it came from, or to
-- SUSPENSE where an authority takes it. A repeat under the same approval answers how much it was.
CREATE OR REPLACE FUNCTION release_freeze_v1(p_freeze bigint, p_approval bigint, p_at timestamptz) RETURNS numeric
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    kept money_freeze;
    given approval;
    source ledger_account;
    here bigint;
    target bigint;
BEGIN
    SELECT * INTO kept FROM money_freeze WHERE id = p_freeze FOR NO KEY UPDATE;
    IF kept.approval_id = p_approval THEN
        RETURN kept.released;
    END IF;
    SELECT * INTO given FROM approval WHERE id = p_approval AND kind = 'release_freeze' AND state = 'APPROVED';
    IF NOT FOUND OR kept.ended_at IS NOT NULL
       OR (given.canonical::jsonb ->> 'freeze', (given.canonical::jsonb ->> 'amount')::numeric)
          IS DISTINCT FROM (kept.uid::text, kept.frozen) THEN
        RAISE EXCEPTION 'approval % does not let freeze % go', p_approval, p_freeze
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'freeze_is_approved';
    END IF;
    SELECT * INTO source FROM ledger_account WHERE id = kept.account_id;
    IF kept.frozen > 0 THEN
        here := account_v1('FROZEN', source.organization_id, source.currency);
        target := CASE given.canonical::jsonb ->> 'to' WHEN 'OWNER' THEN source.id
                       WHEN 'AUTHORITY' THEN account_v1('SUSPENSE', NULL, source.currency) END;
        PERFORM 1 FROM post_v1('release:' || kept.uid, 'FREEZE_RELEASE', 'user:' || given.approved_by, kept.reason, p_at,
                               ARRAY[least(target, here), greatest(target, here)],
                               CASE WHEN here < target THEN ARRAY[kept.frozen, -kept.frozen] ELSE ARRAY[-kept.frozen, kept.frozen] END);
    END IF;
    UPDATE scope SET frozen = false WHERE account_id = kept.account_id AND frozen;
    UPDATE money_freeze SET released = kept.frozen, approval_id = p_approval, ended_at = p_at WHERE id = p_freeze;
    RETURN kept.frozen;
END $$;

REVOKE ALL ON FUNCTION freeze_v1, release_freeze_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION freeze_v1, release_freeze_v1 TO :app_role;
