-- Attempts, usage records, receipts: facts about work, no money.

CREATE TABLE attempt (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid           uuid NOT NULL UNIQUE,
    job_id        bigint NOT NULL REFERENCES job,
    number        smallint NOT NULL CHECK (number >= 1),
    offer_id      bigint NOT NULL,
    card_id       bigint NOT NULL,
    node_id       bigint NOT NULL,
    state         text NOT NULL DEFAULT 'RUNNING' CHECK (state IN ('RUNNING', 'FENCED', 'FAILED', 'RECORDED')),
    lease_until   timestamptz NOT NULL,
    delivered_in  bigint NOT NULL DEFAULT 0 CHECK (delivered_in >= 0),
    delivered_out bigint NOT NULL DEFAULT 0 CHECK (delivered_out >= 0),
    renewed_at    timestamptz,
    receipt_uid   uuid NOT NULL,
    started_at    timestamptz NOT NULL DEFAULT now(),
    ended_at      timestamptz,
    error_code    text,
    UNIQUE (job_id, number),
    CONSTRAINT attempt_ended_has_a_time CHECK ((state = 'RUNNING') = (ended_at IS NULL))
) WITH (fillfactor = 80);
COMMENT ON COLUMN attempt.delivered_out IS 'The checkpoint: output tokens relayed to the buyer when the lease was last renewed.';
-- Only one attempt of a job runs at a time. The sweeper walks this index too: few attempts run at once, and leases are
-- renewed each second, which an index of their times would make dear.
CREATE UNIQUE INDEX attempt_one_running ON attempt (job_id) WHERE state = 'RUNNING';

-- An attempt that ended stays as it ended: a late answer of a fenced attempt changes nothing.
CREATE FUNCTION keep_attempt_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'attempt % has ended (%)', OLD.id, OLD.state USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER attempt_history BEFORE UPDATE ON attempt
    FOR EACH ROW WHEN (OLD.state <> 'RUNNING') EXECUTE FUNCTION keep_attempt_history();
CREATE TRIGGER attempt_kept BEFORE DELETE ON attempt FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE TABLE usage_record (
    id            bigint NOT NULL,
    attempt_id    bigint NOT NULL,
    seq           smallint NOT NULL CHECK (seq >= 1),
    ours_in       bigint NOT NULL CHECK (ours_in >= 0),
    ours_cached   bigint NOT NULL CHECK (ours_cached >= 0),
    ours_out      bigint NOT NULL CHECK (ours_out >= 0),
    claim_in      bigint CHECK (claim_in >= 0),
    claim_cached  bigint CHECK (claim_cached >= 0),
    claim_out     bigint CHECK (claim_out >= 0),
    billed_in     bigint NOT NULL,
    billed_cached bigint NOT NULL,
    billed_out    bigint NOT NULL,
    count_method  text NOT NULL CHECK (count_method IN ('tokenizer', 'claim', 'deltas', 'bytes', 'checkpoint')),
    chip_seconds  numeric(20, 6) NOT NULL CHECK (chip_seconds >= 0),
    joules        numeric(20, 3) NOT NULL CHECK (joules >= 0),
    tier          text NOT NULL CHECK (tier IN ('declared', 'polled', 'counter', 'cross_checked', 'attested')),
    attribution   text NOT NULL CHECK (attribution IN ('estimated', 'apportioned', 'measured')),
    kwh           numeric(20, 12) NOT NULL,
    gco2e         numeric(20, 9) NOT NULL,
    ended_how     text NOT NULL,
    recorded_at   timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (attempt_id, seq),
    -- Neither NaN nor infinity: NaN counts as the greatest of all numbers here and would pass every other check.
    CONSTRAINT usage_is_finite CHECK (chip_seconds < 'NaN' AND joules < 'NaN'),
    CONSTRAINT usage_billed_within_ours CHECK (billed_in <= ours_in AND billed_cached <= billed_in AND billed_out <= ours_out),
    CONSTRAINT usage_billed_within_claim CHECK (billed_in <= coalesce(claim_in, billed_in) AND billed_out <= coalesce(claim_out, billed_out))
) PARTITION BY RANGE (attempt_id);
COMMENT ON COLUMN usage_record.kwh IS 'At the meter: joules of the IT equipment times the site''s PUE.';
CREATE INDEX usage_record_id ON usage_record (id);
CREATE TRIGGER usage_append_only BEFORE UPDATE OR DELETE ON usage_record FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER usage_no_truncate BEFORE TRUNCATE ON usage_record FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
INSERT INTO partitioned_table (parent, sequence, width) VALUES ('usage_record', 'attempt_id_seq', 5000000);
SELECT ensure_partitions_v1();

-- The agent's own signed statement of an attempt. `body` is what was signed; the parsed columns repeat it.
CREATE TABLE receipt (
    id            bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    attempt_uid   uuid NOT NULL UNIQUE,
    node_id       bigint NOT NULL,
    body          bytea NOT NULL CHECK (length(body) BETWEEN 1 AND 16384),
    signature     bytea NOT NULL CHECK (length(signature) = 64),
    key_id        text NOT NULL,
    previous_hash bytea,
    nonce         bytea NOT NULL,
    claim_in      bigint,
    claim_cached  bigint,
    claim_out     bigint,
    joules        numeric(20, 3) NOT NULL,
    tier          text NOT NULL,
    started_at    timestamptz NOT NULL,
    ended_at      timestamptz NOT NULL,
    received_at   timestamptz NOT NULL DEFAULT now()
);
CREATE TRIGGER receipt_append_only BEFORE UPDATE OR DELETE ON receipt FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER receipt_no_truncate BEFORE TRUNCATE ON receipt FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Which receipts were compared with our record, and what was found odd about an attempt.
CREATE TABLE receipt_comparison (
    receipt_id  bigint PRIMARY KEY REFERENCES receipt,
    compared_at timestamptz NOT NULL DEFAULT now()
);
CREATE TABLE meter_flag (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    attempt_id bigint NOT NULL,
    kind       text NOT NULL CHECK (kind ~ '^[a-z_]{3,40}$'),
    details    jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now(),
    UNIQUE (attempt_id, kind)
);
CREATE TABLE node_event (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    node_id    bigint NOT NULL,
    kind       text NOT NULL,
    details    jsonb NOT NULL DEFAULT '{}',
    created_at timestamptz NOT NULL DEFAULT now()
);

REVOKE ALL ON attempt, usage_record, receipt, receipt_comparison, meter_flag, node_event FROM :app_role;
GRANT SELECT ON attempt, usage_record, receipt, receipt_comparison, meter_flag, node_event TO :app_role;
GRANT INSERT ON receipt, receipt_comparison, meter_flag, node_event TO :app_role;
