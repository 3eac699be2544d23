-- The platform's accounts at banks, and what their statements say: files as they came, statements, lines.
--
-- A line is acted on once. What nobody can tell is in SUSPENSE until two people say what it is; then its entry there is reversed
-- and the line is booked as it would have been at first.

INSERT INTO account_purpose (purpose, prefix, category, owned) VALUES ('BANK_FEE', 'expense:bank_fee', 'EXPENSE', false)
ON CONFLICT DO NOTHING;

CREATE TABLE IF NOT EXISTS bank_account (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid       uuid NOT NULL UNIQUE,
    currency  text NOT NULL REFERENCES currency,
    entity    text NOT NULL REFERENCES booking_entity,
    number    text NOT NULL,
    bic       text NOT NULL DEFAULT '',
    bank      text NOT NULL,
    holder    text NOT NULL,
    fee_codes text[] NOT NULL DEFAULT '{}',
    opened_at timestamptz NOT NULL,
    closed_at timestamptz,
    UNIQUE (number, currency),
    CONSTRAINT bank_account_is_sound CHECK (number ~ '^[A-Z0-9]{4,34}$' AND currency NOT IN ('XTS', 'USDC') AND bank <> '' AND holder <> '')
);
COMMENT ON COLUMN bank_account.fee_codes IS 'The bank''s own codes of its fees, beside those of ISO 20022.';

-- What was handed in, whether or not it could be read.
CREATE TABLE IF NOT EXISTS bank_file (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid         uuid NOT NULL UNIQUE,
    sha256      text NOT NULL UNIQUE,
    content     bytea NOT NULL,
    received_at timestamptz NOT NULL,
    received_by uuid REFERENCES accounts_user (uid),
    state       text NOT NULL DEFAULT 'RECEIVED',
    refusal     text NOT NULL DEFAULT '',
    CONSTRAINT bank_file_is_sound CHECK (
        sha256 = encode(sha256(content), 'hex') AND state IN ('RECEIVED', 'READ', 'REFUSED') AND (state = 'REFUSED') = (refusal <> ''))
);

CREATE TABLE IF NOT EXISTS bank_statement (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid         uuid NOT NULL UNIQUE,
    account_id  bigint NOT NULL REFERENCES bank_account,
    file_id     bigint NOT NULL REFERENCES bank_file,
    name        text NOT NULL,
    number      bigint,
    sha256      text NOT NULL,
    opening     numeric(38, 9) NOT NULL,
    closing     numeric(38, 9) NOT NULL,
    opens_on    date NOT NULL,
    closes_on   date NOT NULL,
    imported_at timestamptz NOT NULL,
    UNIQUE (account_id, name),
    CONSTRAINT bank_statement_is_sound CHECK (opens_on <= closes_on AND abs(opening) < 'Infinity' AND abs(closing) < 'Infinity')
);

CREATE TABLE IF NOT EXISTS bank_line (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid               uuid NOT NULL UNIQUE,
    statement_id      bigint NOT NULL REFERENCES bank_statement,
    account_id        bigint NOT NULL REFERENCES bank_account,
    reference         text NOT NULL,
    amount            numeric(38, 9) NOT NULL,
    booked_on         date NOT NULL,
    is_reversal       boolean NOT NULL,
    code              text NOT NULL,
    bank_code         text NOT NULL,
    end_to_end_id     text NOT NULL,
    counterparty      text NOT NULL,
    remittance        text NOT NULL,
    trouble           text NOT NULL,
    state             text NOT NULL DEFAULT 'NEW',
    reason            text NOT NULL DEFAULT '',
    suspense_entry_id bigint UNIQUE REFERENCES entry,
    entry_id          bigint UNIQUE REFERENCES entry,
    organization_id   bigint REFERENCES accounts_organization,
    payout_id         bigint REFERENCES payout,
    counterpart_id    bigint UNIQUE REFERENCES bank_line,
    approval_id       bigint REFERENCES approval,
    acted_at          timestamptz,
    UNIQUE (account_id, reference),
    CONSTRAINT bank_line_is_sound CHECK (
        amount <> 0 AND abs(amount) < 'Infinity' AND reference <> '' AND (state = 'NEW') = (acted_at IS NULL)
        AND (suspense_entry_id IS NULL OR reason <> '')
        AND CASE state
            WHEN 'NEW' THEN num_nonnulls(suspense_entry_id, entry_id, organization_id, payout_id, counterpart_id, approval_id) = 0
            WHEN 'SUSPENSE' THEN suspense_entry_id IS NOT NULL AND entry_id IS NULL
            WHEN 'RETURNING' THEN num_nulls(suspense_entry_id, approval_id) = 0 AND entry_id IS NULL
            WHEN 'SENT_BACK' THEN num_nulls(suspense_entry_id, counterpart_id) = 0 AND entry_id IS NULL
            WHEN 'WALLET' THEN num_nulls(entry_id, organization_id) = 0
            WHEN 'PAYOUT' THEN num_nulls(entry_id, payout_id) = 0
            WHEN 'RETURN' THEN num_nulls(entry_id, payout_id) = 0
            WHEN 'FEE' THEN entry_id IS NOT NULL
            ELSE false END)
);
COMMENT ON COLUMN bank_line.trouble IS 'Why the file alone leaves it unclear, such as a batch without its parts; empty if it does not.';
CREATE INDEX IF NOT EXISTS bank_line_statement ON bank_line (statement_id, id);
CREATE INDEX IF NOT EXISTS bank_line_new ON bank_line (id) WHERE state = 'NEW';
CREATE INDEX IF NOT EXISTS bank_line_open ON bank_line (booked_on, id) WHERE state IN ('SUSPENSE', 'RETURNING');

-- Take a statement with all its lines or nothing. A repeat of the same content answers the first.
-- Raises restrict_violation: bank_account_open, bank_statement_changed (its name was used for another content), bank_statement_continues
-- (it does not begin where the last one ended), bank_statement_adds_up; unique_violation for a line that is known already.
CREATE OR REPLACE FUNCTION import_bank_statement_v1(
    p_uid uuid, p_file bigint, p_account bigint, p_name text, p_number bigint, p_sha256 text, p_opening numeric, p_closing numeric,
    p_opens_on date, p_closes_on date, p_at timestamptz, p_lines jsonb
) RETURNS TABLE (made_id bigint, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    account bank_account;
    known bank_statement;
    before bank_statement;
    moved numeric;
BEGIN
    -- One at a time for each account: the next has to see where this one ends.
    SELECT * INTO account FROM bank_account WHERE id = p_account FOR NO KEY UPDATE;
    SELECT * INTO known FROM bank_statement WHERE account_id = p_account AND name = p_name;
    IF known.id IS NOT NULL AND known.sha256 = p_sha256 THEN
        RETURN QUERY SELECT known.id, false;
        RETURN;
    ELSIF known.id IS NOT NULL THEN
        RAISE EXCEPTION 'statement % was read with another content', p_name
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_statement_changed';
    ELSIF account.closed_at IS NOT NULL THEN
        RAISE EXCEPTION 'account % is closed', account.id USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_account_open';
    END IF;
    SELECT * INTO before FROM bank_statement WHERE account_id = p_account ORDER BY id DESC LIMIT 1;
    IF before.id IS NOT NULL AND (
        p_opening <> before.closing OR p_opens_on < before.closes_on
        -- Many banks begin to count anew with the year.
        OR (p_number <> before.number + 1 AND NOT (p_number <= 1 AND p_opens_on > before.closes_on))) THEN
        RAISE EXCEPTION 'it begins with % on % (number %), the last one ended with % on % (number %)',
            trim_scale(p_opening), p_opens_on, p_number, trim_scale(before.closing), before.closes_on, before.number
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_statement_continues';
    END IF;
    SELECT coalesce(sum((line ->> 'amount')::numeric), 0) INTO moved FROM jsonb_array_elements(p_lines) line;
    IF p_opening + moved <> p_closing THEN
        RAISE EXCEPTION 'it begins with % and moves %, which does not come to %', trim_scale(p_opening), trim_scale(moved), trim_scale(p_closing)
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_statement_adds_up';
    END IF;
    INSERT INTO bank_statement (uid, account_id, file_id, name, number, sha256, opening, closing, opens_on, closes_on, imported_at)
    VALUES (p_uid, p_account, p_file, p_name, p_number, p_sha256, p_opening, p_closing, p_opens_on, p_closes_on, p_at)
    RETURNING id INTO made_id;
    INSERT INTO bank_line (uid, statement_id, account_id, reference, amount, booked_on, is_reversal, code, bank_code, end_to_end_id,
                           counterparty, remittance, trouble)
    SELECT l.uid, made_id, p_account, l.reference, l.amount, l.booked_on, l.is_reversal, l.code, l.bank_code, l.end_to_end_id,
           l.counterparty, l.remittance, l.trouble
      FROM ROWS FROM (jsonb_to_recordset(p_lines) AS (
               uid uuid, reference text, amount numeric, booked_on date, is_reversal boolean, code text, bank_code text, end_to_end_id text,
               counterparty text, remittance text, trouble text)) WITH ORDINALITY l
     ORDER BY l.ordinality;
    is_new := true;
    RETURN NEXT;
END $$;

-- What a bank said stays said. A line is booked once; out of suspense it comes only by the word of two people, or when what was
-- to be sent back has left.
CREATE OR REPLACE FUNCTION keep_bank_line() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    acts text[] := '{state,reason,suspense_entry_id,entry_id,organization_id,payout_id,counterpart_id,approval_id,acted_at}';
BEGIN
    IF (to_jsonb(NEW) - acts) IS DISTINCT FROM (to_jsonb(OLD) - acts)
       OR OLD.suspense_entry_id IS NOT NULL AND NEW.suspense_entry_id IS DISTINCT FROM OLD.suspense_entry_id
       OR OLD.state NOT IN ('NEW', 'SUSPENSE', 'RETURNING')
       OR OLD.state <> 'NEW' AND NEW.state IN ('NEW', 'SUSPENSE', OLD.state) THEN
        RAISE EXCEPTION 'line % keeps what the bank said and what was booked', OLD.uid
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_line_history';
    ELSIF OLD.state IN ('SUSPENSE', 'RETURNING') AND (OLD.state, NEW.state) <> ('RETURNING', 'SENT_BACK') AND NOT EXISTS (
        SELECT 1 FROM approval WHERE id = NEW.approval_id AND kind = 'bank_line' AND subject = NEW.uid::text AND state = 'APPROVED'
                                 AND id IS DISTINCT FROM OLD.approval_id) THEN
        RAISE EXCEPTION 'line % leaves suspense by the word of two people', OLD.uid
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'bank_line_history';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER bank_line_history BEFORE UPDATE ON bank_line FOR EACH ROW EXECUTE FUNCTION keep_bank_line();
CREATE OR REPLACE TRIGGER bank_line_kept BEFORE DELETE ON bank_line FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER bank_line_no_truncate BEFORE TRUNCATE ON bank_line FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER bank_statement_append_only BEFORE UPDATE OR DELETE ON bank_statement
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER bank_statement_no_truncate BEFORE TRUNCATE ON bank_statement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

REVOKE ALL ON bank_account, bank_file, bank_statement, bank_line FROM PUBLIC, :app_role;
GRANT SELECT, INSERT ON bank_account, bank_file TO :app_role;
GRANT SELECT ON bank_statement, bank_line TO :app_role;
GRANT UPDATE (bic, bank, holder, fee_codes, closed_at) ON bank_account TO :app_role;
GRANT UPDATE (state, refusal) ON bank_file TO :app_role;
GRANT UPDATE (state, reason, suspense_entry_id, entry_id, organization_id, payout_id, counterpart_id, approval_id, acted_at)
    ON bank_line TO :app_role;
REVOKE ALL ON FUNCTION import_bank_statement_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION import_bank_statement_v1 TO :app_role;
