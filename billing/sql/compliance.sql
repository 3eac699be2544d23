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

REVOKE ALL ON compliance_step, sanctions_list, sanctions_name, screening, money_freeze FROM PUBLIC, :app_role;
GRANT SELECT, INSERT ON compliance_step, sanctions_list, sanctions_name, screening TO :app_role;
GRANT SELECT ON money_freeze TO :app_role;
