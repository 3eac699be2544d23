-- The day on which an entry is booked (of UTC): that on which it happened, unless its period was closed already.

ALTER TABLE entry ADD COLUMN booked_on date;
COMMENT ON COLUMN entry.booked_on IS 'Where it is not the day on which the entry happened.';

CREATE FUNCTION booked_day(p_booked_on date, p_happened_at timestamptz) RETURNS date
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$ SELECT coalesce(p_booked_on, (p_happened_at AT TIME ZONE 'UTC')::date) $$;
