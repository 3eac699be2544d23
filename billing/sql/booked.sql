-- What came from outside names the entry that booked it; here the entry is looked at.

-- A payment that is said to be paid: its own entry credits wallet and reserve of its organization with its amount.
CREATE OR REPLACE FUNCTION check_top_up_booked() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    credited numeric;
    kept numeric;
BEGIN
    SELECT sum(-p.amount), coalesce(sum(-p.amount) FILTER (WHERE a.purpose = 'RESERVE'), 0) INTO credited, kept
      FROM entry e JOIN posting p ON p.entry_id = e.id JOIN ledger_account a ON a.id = p.account_id
     WHERE e.id = NEW.entry_id AND e.kind = 'STRIPE_TOPUP' AND e.key = 'stripe:topup:' || NEW.payment_intent_id
       AND a.purpose IN ('WALLET', 'RESERVE') AND a.organization_id = NEW.organization_id AND a.currency = NEW.currency;
    IF (credited, kept) IS DISTINCT FROM (NEW.amount, NEW.reserved) THEN
        RAISE EXCEPTION 'entry % does not credit top-up %', NEW.entry_id, NEW.id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'stripe_top_up_booked';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER stripe_top_up_booked BEFORE UPDATE OF entry_id ON stripe_top_up
    FOR EACH ROW WHEN (NEW.entry_id IS NOT NULL AND OLD.entry_id IS NULL) EXECUTE FUNCTION check_top_up_booked();

-- A line of a statement that was acted on: each entry it names moved the bank's account by its amount, and the last of them is
-- the wallet's or the payout's that it names.
CREATE OR REPLACE FUNCTION check_bank_line_booked() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
DECLARE
    named bigint;
    is_own boolean;
BEGIN
    FOREACH named IN ARRAY array_remove(ARRAY[nullif(NEW.suspense_entry_id, OLD.suspense_entry_id), nullif(NEW.entry_id, OLD.entry_id)], NULL)
    LOOP
        IF NEW.amount IS DISTINCT FROM (
            SELECT sum(p.amount) FROM posting p
              JOIN ledger_account a ON a.id = p.account_id AND a.purpose = 'CLEARING_BANK'
              JOIN bank_account b ON (b.currency, b.entity) = (a.currency, a.entity)
             WHERE p.entry_id = named AND b.id = NEW.account_id) THEN
            RAISE EXCEPTION 'entry % does not move the bank by line %', named, NEW.uid
                USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'bank_line_booked';
        END IF;
    END LOOP;
    is_own := CASE NEW.state
        WHEN 'WALLET' THEN EXISTS (
            SELECT 1 FROM posting p JOIN ledger_account a ON a.id = p.account_id
             WHERE p.entry_id = NEW.entry_id AND p.amount = -NEW.amount
               AND (a.purpose, a.organization_id) = ('WALLET', NEW.organization_id))
        WHEN 'PAYOUT' THEN EXISTS (SELECT 1 FROM entry e JOIN payout o ON e.key = 'payout_paid:' || o.uid
                                    WHERE e.id = NEW.entry_id AND o.id = NEW.payout_id)
        WHEN 'RETURN' THEN EXISTS (SELECT 1 FROM entry e JOIN payout o ON e.key = 'payout_returned:' || o.uid
                                    WHERE e.id = NEW.entry_id AND o.id = NEW.payout_id)
        ELSE true END;
    IF NOT is_own THEN
        RAISE EXCEPTION 'entry % is not of whom line % names', NEW.entry_id, NEW.uid
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'bank_line_booked';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER bank_line_booked BEFORE UPDATE OF entry_id, suspense_entry_id ON bank_line
    FOR EACH ROW WHEN (NEW.entry_id IS DISTINCT FROM OLD.entry_id OR NEW.suspense_entry_id IS DISTINCT FROM OLD.suspense_entry_id)
    EXECUTE FUNCTION check_bank_line_booked();
