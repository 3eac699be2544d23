-- A site cannot be asked for two things at once. Ranges of one id stand for the id itself, so that no extension is needed.
ALTER TABLE demand_event ADD CONSTRAINT demand_event_alone
    EXCLUDE USING gist (int8range(site_id, site_id, '[]') WITH &&, tstzrange(starts_at, ends_at) WITH &&)
    WHERE (called_off_at IS NULL);

-- It is never changed, only called off, once.
CREATE FUNCTION keep_demand_event() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.called_off_at IS NOT NULL OR NEW.called_off_at IS NULL
       OR (to_jsonb(NEW) - 'called_off_at') <> (to_jsonb(OLD) - 'called_off_at') THEN
        RAISE EXCEPTION 'demand event % stays as it was', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER demand_event_kept BEFORE UPDATE ON demand_event FOR EACH ROW EXECUTE FUNCTION keep_demand_event();
CREATE TRIGGER demand_event_never_deleted BEFORE DELETE ON demand_event
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
