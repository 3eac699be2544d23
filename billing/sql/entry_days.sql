-- Every entry finds its day. Who closes a period waits for everybody who is posting, and they for whoever closes. Runs for
-- every entry: the lock is taken in an expression, which starts no query, and before the query that looks what is closed.
CREATE OR REPLACE FUNCTION book_entry() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    waited boolean;
    closed_to date;
BEGIN
    waited := pg_advisory_xact_lock_shared(hashtext('accounting_period')) IS NOT NULL;
    SELECT ends_on INTO closed_to FROM accounting_period ORDER BY ends_on DESC LIMIT 1;
    IF closed_to IS NULL OR booked_day(NEW.booked_on, NEW.happened_at) > closed_to THEN
        RETURN NEW;
    ELSIF NEW.booked_on IS NOT NULL THEN
        RAISE EXCEPTION 'the books are closed up to %', closed_to
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'entry_is_booked';
    END IF;
    NEW.booked_on := greatest(closed_to + 1, (NEW.recorded_at AT TIME ZONE 'UTC')::date);
    RETURN NEW;
END $$;
