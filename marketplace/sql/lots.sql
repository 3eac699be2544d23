-- What was listed, bid, awarded and read stays as it was; only what is named here may be added to it.

CREATE OR REPLACE FUNCTION keep_all_but() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF to_jsonb(NEW) - TG_ARGV IS DISTINCT FROM to_jsonb(OLD) - TG_ARGV THEN
        RAISE EXCEPTION 'only % of % may change', TG_ARGV, TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;

-- A lot is settled once.
CREATE OR REPLACE FUNCTION keep_settled_lot() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION 'lot % is settled', OLD.id USING ERRCODE = 'restrict_violation', CONSTRAINT = 'power_lot_settled';
END $$;

-- The lot's own row counts what is awarded of it, so two awards at once wait for each other there, and the check on that
-- row refuses what would be too much.
CREATE OR REPLACE FUNCTION count_power_award() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    UPDATE power_lot SET awarded_kw = awarded_kw + NEW.kw WHERE id = NEW.lot_id AND state = 'OPEN';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'lot % is settled', NEW.lot_id USING ERRCODE = 'restrict_violation', CONSTRAINT = 'power_lot_settled';
    END IF;
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER power_lot_settled BEFORE UPDATE ON power_lot
    FOR EACH ROW WHEN (OLD.state <> 'OPEN') EXECUTE FUNCTION keep_settled_lot();
CREATE OR REPLACE TRIGGER power_lot_kept BEFORE UPDATE ON power_lot
    FOR EACH ROW EXECUTE FUNCTION keep_all_but('state', 'awarded_kw', 'settled_at');
CREATE OR REPLACE TRIGGER power_bid_kept BEFORE UPDATE ON power_bid
    FOR EACH ROW EXECUTE FUNCTION keep_all_but('withdrawn_at');
CREATE OR REPLACE TRIGGER power_award_counted AFTER INSERT ON power_award
    FOR EACH ROW EXECUTE FUNCTION count_power_award();
CREATE OR REPLACE TRIGGER power_award_never_changes BEFORE UPDATE ON power_award
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER heat_contract_kept BEFORE UPDATE ON heat_contract
    FOR EACH ROW EXECUTE FUNCTION keep_all_but('ended_at');
CREATE OR REPLACE TRIGGER heat_demand_kept BEFORE UPDATE ON heat_demand
    FOR EACH ROW EXECUTE FUNCTION keep_all_but('state');
CREATE OR REPLACE TRIGGER heat_offer_kept BEFORE UPDATE ON heat_offer
    FOR EACH ROW EXECUTE FUNCTION keep_all_but('withdrawn_at');
CREATE OR REPLACE TRIGGER heat_reading_kept BEFORE UPDATE ON heat_reading
    FOR EACH ROW EXECUTE FUNCTION keep_all_but('state', 'answered_by', 'answered_at', 'objection');

-- Nothing of it is deleted.
REVOKE DELETE, TRUNCATE ON power_lot, power_bid, power_award, heat_demand, heat_offer, heat_contract, heat_reading FROM :app_role;
REVOKE UPDATE ON power_award FROM :app_role;
