-- Jobs: what buyers want done. Written only by the admission and metering functions of workers/sql.

CREATE TABLE job (
    id                  bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid                 uuid NOT NULL UNIQUE,
    organization_id     bigint NOT NULL,
    api_key_id          bigint NOT NULL,
    kind                text NOT NULL CHECK (kind IN ('ONLINE', 'DEFERRED')),
    state               text NOT NULL CHECK (state IN ('QUEUED', 'RUNNING', 'SUCCEEDED', 'FAILED', 'CANCELLED')),
    model_id            bigint NOT NULL,
    offer_id            bigint,
    card_id             bigint,
    hold_id             bigint,
    in_bound            bigint NOT NULL,
    out_bound           bigint NOT NULL,
    billable_attempt_id bigint,
    cancel_requested_at timestamptz,
    error_code          text,
    matched             jsonb,
    request_blob        text,
    answer_blob         text,
    submitted_at        timestamptz NOT NULL DEFAULT now(),
    finished_at         timestamptz,
    deadline_at         timestamptz,
    CONSTRAINT job_finished_has_a_time CHECK ((state IN ('QUEUED', 'RUNNING')) = (finished_at IS NULL)),
    CONSTRAINT job_failed_has_a_reason CHECK (state <> 'FAILED' OR error_code IS NOT NULL)
) WITH (fillfactor = 85);
CREATE INDEX job_organization ON job (organization_id, id);
CREATE INDEX job_queued ON job (id) WHERE state = 'QUEUED';

-- Only explicit keys are claimed. The claim outlives the job, so a repeat is told which job it was.
CREATE TABLE idempotency_claim (
    organization_id bigint NOT NULL,
    key             text NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    body_hash       bytea NOT NULL CHECK (length(body_hash) = 32),
    job_uid         uuid NOT NULL,
    claimed_at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (organization_id, key)
);
CREATE INDEX idempotency_claim_age ON idempotency_claim (claimed_at);

-- Forget claims older than `p_before`, at most `p_limit`; whoever repeats a key after that is taken at the word.
CREATE FUNCTION forget_claims_v1(p_before timestamptz, p_limit int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    forgotten int;
BEGIN
    DELETE FROM idempotency_claim WHERE (organization_id, key) IN (
        SELECT c.organization_id, c.key FROM idempotency_claim c WHERE c.claimed_at < p_before
         ORDER BY c.claimed_at LIMIT p_limit);
    GET DIAGNOSTICS forgotten = ROW_COUNT;
    RETURN forgotten;
END $$;

-- Once an attempt is billable no other can be, and a finished job stays finished.
CREATE FUNCTION keep_job_history() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.billable_attempt_id IS NOT NULL AND NEW.billable_attempt_id IS DISTINCT FROM OLD.billable_attempt_id THEN
        RAISE EXCEPTION 'job % is billed by attempt %', OLD.id, OLD.billable_attempt_id USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.finished_at IS NOT NULL AND NEW.state <> OLD.state THEN
        RAISE EXCEPTION 'job % is finished', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER job_history BEFORE UPDATE ON job
    FOR EACH ROW WHEN (OLD.billable_attempt_id IS NOT NULL OR OLD.finished_at IS NOT NULL) EXECUTE FUNCTION keep_job_history();
CREATE TRIGGER job_kept BEFORE DELETE ON job FOR EACH ROW EXECUTE FUNCTION refuse_change();

REVOKE ALL ON job, idempotency_claim FROM :app_role;
GRANT SELECT ON job, idempotency_claim TO :app_role;
REVOKE ALL ON FUNCTION forget_claims_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION forget_claims_v1 TO :app_role;
