-- Tables that grow for ever are partitioned by ranges of the id their unique keys contain. A default partition catches
-- what no range holds (an alarm, never a loss), and two ranges are always ready ahead.

CREATE TABLE partitioned_table (
    parent   text PRIMARY KEY,
    sequence text NOT NULL,
    width    bigint NOT NULL CHECK (width > 0)
);
REVOKE ALL ON partitioned_table FROM :app_role;
GRANT SELECT ON partitioned_table TO :app_role;

-- Make the ranges up to two ahead of each table's sequence; say how many were made and how many rows strayed into a
-- default partition. Rights are taken from every partition: rows go in through the parent, whose triggers see them.
CREATE FUNCTION ensure_partitions_v1() RETURNS TABLE (parent text, made int, strays bigint)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    t record;
    last_id bigint;
    range_number bigint;
    child text;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('ensure_partitions'));
    FOR t IN SELECT * FROM partitioned_table ORDER BY partitioned_table.parent LOOP
        parent := t.parent; made := 0;
        IF to_regclass(t.parent || '_default') IS NULL THEN
            EXECUTE format('CREATE TABLE %I PARTITION OF %I DEFAULT', t.parent || '_default', t.parent);
            EXECUTE format('REVOKE ALL ON %I FROM :app_role', t.parent || '_default');
        END IF;
        EXECUTE format('SELECT last_value FROM %I', t.sequence) INTO last_id;
        FOR range_number IN last_id / t.width .. last_id / t.width + 2 LOOP
            child := format('%s_%s', t.parent, lpad(range_number::text, 6, '0'));
            IF to_regclass(child) IS NULL THEN
                -- Attached, not created in place: that would lock the parent against everybody.
                EXECUTE format('CREATE TABLE %I (LIKE %I INCLUDING ALL)', child, t.parent);
                EXECUTE format('REVOKE ALL ON %I FROM :app_role', child);
                BEGIN
                    EXECUTE format('ALTER TABLE %I ATTACH PARTITION %I FOR VALUES FROM (%s) TO (%s)',
                                   t.parent, child, range_number * t.width, (range_number + 1) * t.width);
                    made := made + 1;
                EXCEPTION WHEN check_violation THEN
                    -- Rows of this range strayed into the default partition; they are counted below.
                    EXECUTE format('DROP TABLE %I', child);
                END;
            END IF;
        END LOOP;
        EXECUTE format('SELECT count(*) FROM %I', t.parent || '_default') INTO strays;
        RETURN NEXT;
    END LOOP;
END $$;

INSERT INTO partitioned_table (parent, sequence, width) VALUES ('posting', 'entry_id_seq', 5000000);
SELECT ensure_partitions_v1();
