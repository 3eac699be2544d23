-- What was claimed, answered and decided stays said.
CREATE OR REPLACE FUNCTION keep_answer_claim() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.uid, NEW.job_id, NEW.organization_id, NEW.provider_id, NEW.reason, NEW.text, NEW.evidence, NEW.opened_at, NEW.currency)
       IS DISTINCT FROM
       (OLD.uid, OLD.job_id, OLD.organization_id, OLD.provider_id, OLD.reason, OLD.text, OLD.evidence, OLD.opened_at, OLD.currency)
       OR OLD.state IN ('DECIDED', 'WITHDRAWN') OR (OLD.answer <> '' AND NEW.answer <> OLD.answer) THEN
        RAISE EXCEPTION 'claim % keeps what was said', OLD.id USING ERRCODE = 'restrict_violation', CONSTRAINT = 'answer_claim_history';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER answer_claim_history BEFORE UPDATE ON answer_claim FOR EACH ROW EXECUTE FUNCTION keep_answer_claim();
CREATE OR REPLACE TRIGGER answer_claim_kept BEFORE DELETE ON answer_claim FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER answer_claim_no_truncate BEFORE TRUNCATE ON answer_claim FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
REVOKE DELETE, TRUNCATE ON answer_claim FROM :app_role;
