-- Who may be paid and may pay in: checks of identity and tax, lists of sanctions, and money that is frozen.

-- Every step of a check, oldest first; the newest of a kind is what holds. Nothing is ever changed.
CREATE TABLE compliance_step (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE,
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    kind            text NOT NULL,
    state           text NOT NULL,
    form            text NOT NULL DEFAULT '',
    withholding_bps int NOT NULL DEFAULT 0,
    reason          text NOT NULL DEFAULT '',
    evidence        jsonb NOT NULL DEFAULT '[]',
    valid_until     date,
    made_by         uuid,
    made_at         timestamptz NOT NULL,
    CONSTRAINT compliance_step_is_sound CHECK (
        CASE kind WHEN 'IDENTITY' THEN state IN ('SUBMITTED', 'IN_REVIEW', 'VERIFIED', 'REFUSED') AND form = '' AND withholding_bps = 0
                  WHEN 'TAX_FORM' THEN state IN ('SUBMITTED', 'ACCEPTED', 'REFUSED') AND form <> '' AND withholding_bps BETWEEN 0 AND 10000
                  ELSE false END
        -- Whoever decides is a person, and says why where the answer is no.
        AND (state = 'SUBMITTED' OR made_by IS NOT NULL) AND (state <> 'REFUSED' OR reason <> ''))
);
CREATE INDEX compliance_step_newest ON compliance_step (organization_id, kind, id DESC);
COMMENT ON COLUMN compliance_step.evidence IS 'References to documents: names, hashes and where they are kept; never their content.';

-- Names nobody may deal with, list by list; the newest of a source holds.
CREATE TABLE sanctions_list (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source    text NOT NULL,
    dated     date NOT NULL,
    sha256    text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    names     int NOT NULL CHECK (names > 0),
    loaded_at timestamptz NOT NULL,
    UNIQUE (source, sha256)
);
CREATE TABLE sanctions_name (
    list_id bigint NOT NULL REFERENCES sanctions_list,
    line    int NOT NULL,
    name    text NOT NULL CHECK (name <> ''),
    words   text[] NOT NULL CHECK (cardinality(words) > 0),
    country text NOT NULL DEFAULT '',
    PRIMARY KEY (list_id, line)
);
CREATE INDEX sanctions_name_words ON sanctions_name USING gin (words);

-- What a comparison of a name with the lists said, and what an operator decided about it.
CREATE TABLE screening (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE,
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    name            text NOT NULL,
    state           text NOT NULL,
    score           numeric(5, 4) NOT NULL CHECK (score BETWEEN 0 AND 1),
    matched         text NOT NULL DEFAULT '',
    source          text NOT NULL DEFAULT '',
    reason          text NOT NULL DEFAULT '',
    made_by         uuid,
    made_at         timestamptz NOT NULL,
    CONSTRAINT screening_is_sound CHECK (
        CASE state WHEN 'CLEAR' THEN matched = '' WHEN 'HIT' THEN matched <> ''
                   WHEN 'DISMISSED' THEN matched <> '' AND made_by IS NOT NULL AND reason <> ''
                   WHEN 'CONFIRMED' THEN matched <> '' AND made_by IS NOT NULL AND reason <> ''
                   ELSE false END)
);
CREATE INDEX screening_newest ON screening (organization_id, id DESC);

-- Money that may not move: in an account of its own until two people let it go.
CREATE TABLE money_freeze (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE,
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    account_id      bigint NOT NULL REFERENCES ledger_account,
    reason          text NOT NULL CHECK (reason <> ''),
    frozen          numeric(38, 9) NOT NULL DEFAULT 0 CHECK (frozen >= 0 AND frozen < 'Infinity'),
    released        numeric(38, 9) NOT NULL DEFAULT 0,
    made_by         uuid NOT NULL,
    made_at         timestamptz NOT NULL,
    approval_id     bigint UNIQUE REFERENCES approval,
    ended_at        timestamptz,
    CONSTRAINT freeze_is_sound CHECK (
        released BETWEEN 0 AND frozen AND (ended_at IS NULL) = (approval_id IS NULL) AND (ended_at IS NULL OR released = frozen)
        AND (ended_at IS NOT NULL OR released = 0))
);
CREATE UNIQUE INDEX freeze_one_open ON money_freeze (account_id) WHERE ended_at IS NULL;

CREATE TRIGGER compliance_step_append_only BEFORE UPDATE OR DELETE ON compliance_step FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER compliance_step_no_truncate BEFORE TRUNCATE ON compliance_step FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER screening_append_only BEFORE UPDATE OR DELETE ON screening FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER screening_no_truncate BEFORE TRUNCATE ON screening FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sanctions_list_append_only BEFORE UPDATE OR DELETE ON sanctions_list FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER sanctions_name_append_only BEFORE UPDATE OR DELETE ON sanctions_name FOR EACH ROW EXECUTE FUNCTION refuse_change();

INSERT INTO account_purpose (purpose, prefix, category, owned) VALUES ('FROZEN', 'liability:frozen', 'LIABILITY', true)
    ON CONFLICT DO NOTHING;

-- Freeze what is in an account now, or what has come or been let go by jobs since; gives how much was moved. What jobs hold
-- stays until they end.
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
    INSERT INTO money_freeze (uid, organization_id, account_id, reason, made_by, made_at)
    VALUES (p_uid, source.organization_id, p_account, p_reason, p_by, p_at) ON CONFLICT DO NOTHING;
    -- Whoever was at it before has ended: the index of open freezes waits.
    SELECT * INTO kept FROM money_freeze f WHERE f.account_id = p_account AND f.ended_at IS NULL;
    IF source.purpose = 'WALLET' THEN
        amount := (SELECT s.posted - s.held FROM scope s WHERE s.account_id = p_account FOR NO KEY UPDATE);
    ELSE
        amount := balance_v1(p_account);
    END IF;
    freeze_id := kept.id;
    amount := greatest(coalesce(amount, 0), 0);
    IF amount > 0 THEN
        here := account_v1('FROZEN', source.organization_id, source.currency);
        turn := (SELECT count(*) FROM entry e WHERE e.key LIKE 'freeze:' || kept.uid || ':%');
        PERFORM 1 FROM post_v1('freeze:' || kept.uid || ':' || turn + 1, 'FREEZE', 'user:' || p_by, kept.reason, p_at,
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
    UPDATE money_freeze SET released = kept.frozen, approval_id = p_approval, ended_at = p_at WHERE id = p_freeze;
    RETURN kept.frozen;
END $$;

REVOKE ALL ON compliance_step, sanctions_list, sanctions_name, screening, money_freeze FROM PUBLIC, :app_role;
GRANT SELECT, INSERT ON compliance_step, sanctions_list, sanctions_name, screening TO :app_role;
GRANT SELECT ON money_freeze TO :app_role;
REVOKE ALL ON FUNCTION freeze_v1, release_freeze_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION freeze_v1, release_freeze_v1 TO :app_role;
