-- Prices and carbon over time. A point is what is known now; what was known before stays in series_correction with
-- the span in which it was. Tariffs read a year of points at once and corrections almost never, so the present has a
-- table of its own and readers need not look for the newest of several versions.

CREATE TABLE series_point (
    series_id    bigint NOT NULL REFERENCES series (id),
    starts_at    timestamptz NOT NULL,
    value        numeric(38,9) NOT NULL CHECK (value <> 'NaN'),
    estimated    boolean NOT NULL,
    revision     integer NOT NULL DEFAULT 0 CHECK (revision >= 0),
    published_at timestamptz,
    recorded_at  timestamptz NOT NULL,
    PRIMARY KEY (series_id, starts_at)
) PARTITION BY RANGE (starts_at);

CREATE TABLE series_correction (
    series_id    bigint NOT NULL REFERENCES series (id),
    starts_at    timestamptz NOT NULL,
    value        numeric(38,9) NOT NULL,
    estimated    boolean NOT NULL,
    revision     integer NOT NULL,
    published_at timestamptz,
    recorded_at  timestamptz NOT NULL,
    replaced_at  timestamptz NOT NULL,
    PRIMARY KEY (series_id, starts_at, revision)
) PARTITION BY RANGE (starts_at);

-- Make a partition for each year (UTC) up to two ahead; say how many were made and how many points strayed into a
-- default partition.
CREATE FUNCTION ensure_series_partitions_v1() RETURNS TABLE (parent text, made int, strays bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp SET timezone = 'UTC' AS $$
#variable_conflict use_column
DECLARE
    first_year constant int := 2015;
    year int;
    child text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ensure_series_partitions'));
    FOREACH parent IN ARRAY ARRAY['series_point', 'series_correction'] LOOP
        made := 0;
        IF to_regclass(parent || '_default') IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', parent || '_default', parent);
            EXECUTE format('REVOKE ALL ON %I FROM :app_role', parent || '_default');
        END IF;
        FOR year IN first_year .. extract(year FROM now())::int + 2 LOOP
            child := format('%s_%s', parent, year);
            IF to_regclass(child) IS NULL THEN
                -- Attached, not created in place: that would lock the parent against everybody.
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, parent);
                EXECUTE format('REVOKE ALL ON %I FROM :app_role', child);
                BEGIN
                    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%L) TO (%L)',
                                   parent, child, make_date(year, 1, 1), make_date(year + 1, 1, 1));
                    made := made + 1;
                EXCEPTION WHEN check_violation THEN
                    -- Points of this year strayed into the default partition; they are counted below.
                    EXECUTE format('DROP TABLE %I', child);
                END;
            END IF;
        END LOOP;
        EXECUTE format('SELECT count(*) FROM %I', parent || '_default') INTO strays;
        RETURN NEXT;
    END LOOP;
END $$;
SELECT ensure_series_partitions_v1();

-- Whoever changes a point, the value that was known stays known.
CREATE FUNCTION keep_series_point() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.series_id, NEW.starts_at, NEW.revision) <> (OLD.series_id, OLD.starts_at, OLD.revision + 1)
       OR NEW.recorded_at < OLD.recorded_at THEN
        RAISE EXCEPTION 'a point of series % is corrected by its next revision, later', OLD.series_id
            USING ERRCODE = 'restrict_violation', TABLE = 'series_point';
    END IF;
    INSERT INTO series_correction
    VALUES (OLD.series_id, OLD.starts_at, OLD.value, OLD.estimated, OLD.revision, OLD.published_at, OLD.recorded_at,
            NEW.recorded_at);
    RETURN NEW;
END $$;

CREATE TRIGGER series_point_keeps_history BEFORE UPDATE ON series_point
    FOR EACH ROW EXECUTE FUNCTION keep_series_point();
CREATE TRIGGER series_point_kept BEFORE DELETE ON series_point
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER series_point_never_emptied BEFORE TRUNCATE ON series_point
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER series_correction_never_changes BEFORE UPDATE OR DELETE ON series_correction
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER series_correction_never_emptied BEFORE TRUNCATE ON series_correction
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Write points of one series; the same again changes nothing, another value is a correction. Points are locked in the
-- order of time, so that two writers never wait for each other in a circle.
CREATE FUNCTION write_series_v1(
    p_series bigint, p_starts timestamptz[], p_values numeric[], p_estimated boolean[], p_published timestamptz,
    p_now timestamptz
) RETURNS TABLE (added bigint, corrected bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    s series%ROWTYPE;
    wrong timestamptz;
BEGIN
    SELECT * INTO STRICT s FROM series WHERE id = p_series;
    SELECT t.starts_at INTO wrong FROM unnest(p_starts, p_values) AS t (starts_at, value)
     WHERE t.starts_at <> date_bin(make_interval(mins => s.resolution), t.starts_at, 'epoch')
        OR t.value NOT BETWEEN s.low AND s.high LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'series %: the point of % is off its grid or out of its bounds', s.slug, wrong
            USING ERRCODE = 'check_violation', TABLE = 'series_point', CONSTRAINT = 'series_point_plausible';
    END IF;
    RETURN QUERY
    WITH written AS (
        INSERT INTO series_point AS p (series_id, starts_at, value, estimated, revision, published_at, recorded_at)
        SELECT p_series, t.starts_at, t.value, t.estimated, 0, p_published, p_now
          FROM unnest(p_starts, p_values, p_estimated) AS t (starts_at, value, estimated) ORDER BY t.starts_at
        ON CONFLICT (series_id, starts_at) DO UPDATE
           SET value = excluded.value, estimated = excluded.estimated, published_at = excluded.published_at,
               recorded_at = greatest(excluded.recorded_at, p.recorded_at), revision = p.revision + 1
         WHERE (p.value, p.estimated) IS DISTINCT FROM (excluded.value, excluded.estimated)
        RETURNING p.revision
    )
    SELECT count(*) FILTER (WHERE revision = 0), count(*) FILTER (WHERE revision > 0) FROM written;
END $$;

REVOKE ALL ON series_point, series_correction FROM :app_role;
GRANT SELECT ON series_point, series_correction TO :app_role;
REVOKE DELETE, TRUNCATE ON series, series_feed FROM :app_role;
REVOKE ALL ON FUNCTION ensure_series_partitions_v1() FROM PUBLIC;
REVOKE ALL ON FUNCTION write_series_v1(bigint, timestamptz[], numeric[], boolean[], timestamptz, timestamptz) FROM PUBLIC;
GRANT EXECUTE ON FUNCTION ensure_series_partitions_v1() TO :app_role;
GRANT EXECUTE ON FUNCTION write_series_v1(bigint, timestamptz[], numeric[], boolean[], timestamptz, timestamptz)
    TO :app_role;
