-- Reconciliation: equations between the books and what others say, with the numbers of each day. Kept for ever, fixed never.

CREATE TABLE IF NOT EXISTS reconciliation_run (
    id      bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid     uuid NOT NULL UNIQUE,
    made_at timestamptz NOT NULL,
    made_by text NOT NULL
);

CREATE TABLE IF NOT EXISTS reconciliation_line (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    run_id   bigint NOT NULL REFERENCES reconciliation_run,
    currency text NOT NULL REFERENCES currency,
    equation text NOT NULL,
    ours     numeric(38, 9) NOT NULL,
    theirs   numeric(38, 9),
    state    text NOT NULL,
    detail   jsonb NOT NULL,
    UNIQUE (run_id, currency, equation),
    -- Without a source there is nothing to be equal to.
    CONSTRAINT reconciliation_line_is_sound CHECK (
        CASE state WHEN 'NO_SOURCE' THEN theirs IS NULL
                   WHEN 'EQUAL' THEN ours = theirs
                   WHEN 'DIFFERENT' THEN ours <> theirs
                   WHEN 'HOLDS' THEN ours <= theirs
                   WHEN 'BROKEN' THEN ours > theirs
                   ELSE false END IS TRUE)
);
COMMENT ON COLUMN reconciliation_line.ours IS 'The left side: of safeguarding what is owed, of all others what the books say.';

-- Why two sides differ, by whoever looked into it. It explains one difference and no other.
CREATE TABLE IF NOT EXISTS reconciliation_note (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid        uuid NOT NULL UNIQUE,
    currency   text NOT NULL REFERENCES currency,
    equation   text NOT NULL,
    difference numeric(38, 9) NOT NULL CHECK (difference <> 0),
    reason     text NOT NULL CHECK (reason <> ''),
    noted_by   uuid NOT NULL REFERENCES accounts_user (uid),
    noted_at   timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS reconciliation_note_equation ON reconciliation_note (currency, equation, id DESC);

CREATE OR REPLACE TRIGGER reconciliation_run_append_only BEFORE UPDATE OR DELETE ON reconciliation_run
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER reconciliation_run_no_truncate BEFORE TRUNCATE ON reconciliation_run
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER reconciliation_line_append_only BEFORE UPDATE OR DELETE ON reconciliation_line
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER reconciliation_line_no_truncate BEFORE TRUNCATE ON reconciliation_line
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER reconciliation_note_append_only BEFORE UPDATE OR DELETE ON reconciliation_note
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER reconciliation_note_no_truncate BEFORE TRUNCATE ON reconciliation_note
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

REVOKE ALL ON reconciliation_run, reconciliation_line, reconciliation_note FROM PUBLIC, :app_role;
GRANT SELECT, INSERT ON reconciliation_run, reconciliation_line, reconciliation_note TO :app_role;
