-- What must never be of settlements and payouts, refused by the database itself.

-- What was prepared stays as it was; a batch goes from state to state and never back.
CREATE OR REPLACE FUNCTION keep_settlement() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.uid, NEW.period, NEW.currency, NEW.entity, NEW.cutoff_seq, NEW.minimum, NEW.fee, NEW.held_days, NEW.held_max,
        NEW.drafted_at)
       IS DISTINCT FROM
       (OLD.id, OLD.uid, OLD.period, OLD.currency, OLD.entity, OLD.cutoff_seq, OLD.minimum, OLD.fee, OLD.held_days, OLD.held_max,
        OLD.drafted_at)
       OR (OLD.content_sha256 IS NOT NULL AND (NEW.content_sha256, NEW.prepared_by, NEW.prepared_at)
           IS DISTINCT FROM (OLD.content_sha256, OLD.prepared_by, OLD.prepared_at))
       OR (OLD.approved_by IS NOT NULL AND (NEW.approved_by, NEW.approved_at) IS DISTINCT FROM (OLD.approved_by, OLD.approved_at))
       OR (OLD.state, NEW.state) NOT IN (
           ('DRAFT', 'SUBMITTED'), ('DRAFT', 'VOID'), ('SUBMITTED', 'APPROVED'), ('SUBMITTED', 'VOID'), ('APPROVED', 'EXECUTING'),
           ('APPROVED', 'VOID'), ('EXECUTING', 'DONE')) THEN
        RAISE EXCEPTION 'settlement % keeps its content, and goes forward', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'settlement_history';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER settlement_history BEFORE UPDATE ON settlement_batch
    FOR EACH ROW EXECUTE FUNCTION keep_settlement();
CREATE OR REPLACE TRIGGER settlement_kept BEFORE DELETE ON settlement_batch FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER settlement_no_truncate BEFORE TRUNCATE ON settlement_batch
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Items and lines are written while their batch is a draft. Afterwards an item learns its outcome, once, while the batch is
-- carried out.
CREATE OR REPLACE FUNCTION keep_settlement_content() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    stands text;
BEGIN
    IF TG_TABLE_NAME = 'settlement_line' THEN
        SELECT b.state INTO stands FROM settlement_item i JOIN settlement_batch b ON b.id = i.batch_id
         WHERE i.id = coalesce(NEW.item_id, OLD.item_id);
    ELSE
        SELECT b.state INTO stands FROM settlement_batch b WHERE b.id = coalesce(NEW.batch_id, OLD.batch_id);
        IF TG_OP = 'UPDATE' AND stands = 'EXECUTING' AND OLD.outcome IS NULL AND NEW.outcome IS NOT NULL
           AND (to_jsonb(NEW) - 'outcome' - 'entries' - 'done_at') = (to_jsonb(OLD) - 'outcome' - 'entries' - 'done_at') THEN
            RETURN NEW;
        END IF;
    END IF;
    IF stands IS DISTINCT FROM 'DRAFT' THEN
        RAISE EXCEPTION 'the content of a settlement is fixed when it is submitted'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = TG_NAME;
    END IF;
    RETURN CASE WHEN TG_OP = 'DELETE' THEN OLD ELSE NEW END;
END $$;
CREATE OR REPLACE TRIGGER settlement_item_fixed BEFORE INSERT OR UPDATE OR DELETE ON settlement_item
    FOR EACH ROW EXECUTE FUNCTION keep_settlement_content();
CREATE OR REPLACE TRIGGER settlement_item_no_truncate BEFORE TRUNCATE ON settlement_item
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER settlement_line_fixed BEFORE INSERT OR UPDATE OR DELETE ON settlement_line
    FOR EACH ROW EXECUTE FUNCTION keep_settlement_content();
CREATE OR REPLACE TRIGGER settlement_line_no_truncate BEFORE TRUNCATE ON settlement_line
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A payout is what its item of a batch in execution says, goes to a method of its provider and forward only, and changes its rail only before it is sent; or when
-- the rail was asked for it and refused, so that nothing was sent.
CREATE OR REPLACE FUNCTION keep_payout() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    recalled boolean := false;
BEGIN
    IF NEW.method_id IS NOT NULL AND (TG_OP = 'INSERT' OR (NEW.rail, NEW.method_id) IS DISTINCT FROM (OLD.rail, OLD.method_id))
       AND NOT EXISTS (SELECT 1 FROM payout_method m
                        WHERE m.id = NEW.method_id
                          AND (m.organization_id, m.rail, m.currency) = (NEW.organization_id, NEW.rail, NEW.currency)) THEN
        RAISE EXCEPTION 'payout % goes to its own provider', NEW.uid
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_method_own';
    END IF;
    IF TG_OP = 'INSERT' THEN
        IF NOT EXISTS (
            SELECT 1 FROM settlement_item i JOIN settlement_batch b ON b.id = i.batch_id
             WHERE i.id = NEW.item_id AND b.state = 'EXECUTING'
               AND (b.id, b.currency, b.entity, i.organization_id, i.account_id, i.amount, i.tax)
                 = (NEW.batch_id, NEW.currency, NEW.entity, NEW.organization_id, NEW.account_id, NEW.amount, NEW.tax)) THEN
            RAISE EXCEPTION 'payout % is no approved item''s', NEW.uid
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_history';
        END IF;
        RETURN NEW;
    END IF;
    IF (OLD.state, NEW.state) = ('SENT', 'PLANNED') THEN
        recalled := EXISTS (SELECT 1 FROM connect_transfer WHERE payout_id = OLD.id AND state = 'REFUSED');
    END IF;
    IF (NEW.id, NEW.uid, NEW.item_id, NEW.batch_id, NEW.organization_id, NEW.account_id, NEW.currency, NEW.entity, NEW.amount,
        NEW.tax, NEW.planned_at)
       IS DISTINCT FROM
       (OLD.id, OLD.uid, OLD.item_id, OLD.batch_id, OLD.organization_id, OLD.account_id, OLD.currency, OLD.entity, OLD.amount,
        OLD.tax, OLD.planned_at)
       OR (OLD.external_id IS NOT NULL AND NEW.external_id IS DISTINCT FROM OLD.external_id AND NOT recalled)
       OR (OLD.paid_at IS NOT NULL AND (NEW.paid_at, NEW.clearing) IS DISTINCT FROM (OLD.paid_at, OLD.clearing))
       OR ((NEW.rail, NEW.method_id) IS DISTINCT FROM (OLD.rail, OLD.method_id) AND (OLD.state, NEW.state) <> ('PLANNED', 'PLANNED')
           AND NOT recalled)
       OR NOT recalled AND (OLD.state, NEW.state) NOT IN (
           ('PLANNED', 'PLANNED'), ('PLANNED', 'SENT'), ('PLANNED', 'FAILED'), ('SENT', 'IN_TRANSIT'), ('SENT', 'PAID'),
           ('SENT', 'RETURNED'), ('SENT', 'FAILED'), ('IN_TRANSIT', 'PAID'), ('IN_TRANSIT', 'RETURNED'), ('IN_TRANSIT', 'FAILED'),
           ('PAID', 'RETURNED')) THEN
        RAISE EXCEPTION 'payout % keeps what it is, and goes forward', OLD.uid
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_history';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER payout_history BEFORE INSERT OR UPDATE ON payout FOR EACH ROW EXECUTE FUNCTION keep_payout();
CREATE OR REPLACE TRIGGER payout_kept BEFORE DELETE ON payout FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER payout_no_truncate BEFORE TRUNCATE ON payout FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER payout_step_append_only BEFORE UPDATE OR DELETE ON payout_step
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER payout_step_no_truncate BEFORE TRUNCATE ON payout_step
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

REVOKE ALL ON payout_schedule, payout_term, settlement_batch, settlement_item, settlement_line, payout, payout_step
    FROM PUBLIC, :app_role;
GRANT SELECT ON settlement_batch, settlement_item, settlement_line, payout, payout_step TO :app_role;
GRANT SELECT, INSERT, UPDATE ON payout_schedule, payout_term TO :app_role;
