-- A wallet that is frozen says so in the row that whoever spends looks at: what comes into it is nobody's to spend, also before it
-- is moved to its account of frozen money.

ALTER TABLE scope ADD COLUMN frozen boolean NOT NULL DEFAULT false;
UPDATE scope SET frozen = true WHERE account_id IN (SELECT account_id FROM money_freeze WHERE ended_at IS NULL);

CREATE FUNCTION check_conversion_free() RETURNS trigger LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM fx_quote q JOIN scope s ON s.kind = 1 AND s.organization_id = NEW.organization_id AND s.currency = q.base
                WHERE q.id = NEW.quote_id AND s.frozen) THEN
        RAISE EXCEPTION 'the wallet of organization % is frozen', NEW.organization_id
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_conversion_free';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER fx_conversion_free BEFORE INSERT ON fx_conversion FOR EACH ROW EXECUTE FUNCTION check_conversion_free();
