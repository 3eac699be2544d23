-- Plans that follow the size of a call, not what the planner last heard of the tables.
--
-- These functions are given arrays of ids and look each of them up. A session that plans them while the tables are still
-- small would keep scans of whole tables, or joins that walk whole indexes, until the next ANALYZE: each call would cost
-- more the more there is. Looking up by index is right at every size.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname = ANY (ARRAY['hold_v2',
        'shift_held_v1',
        'move_held_v1',
        'release_v1',
        'change_hold_v1',
        'post_v1',
        'post_charges_v1',
        'check_postings',
        'check_entry_has_postings',
        'write_postings',
        'give_back_v1',
        'unposted_v1']) LOOP
        EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = force_generic_plan', f);
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', f);
        EXECUTE format('ALTER FUNCTION %s SET enable_mergejoin = off', f);
        -- Thousands of charges a call are joined by hash, each side bounded by their ids.
        EXECUTE format('ALTER FUNCTION %s SET enable_hashjoin = %s', f,
                       CASE WHEN f::regproc::text IN ('post_charges_v1', 'give_back_v1') THEN 'on' ELSE 'off' END);
        -- What remembers look-ups costs more to set up than the few look-ups of one entry.
        CONTINUE WHEN f::regproc::text NOT IN ('check_postings', 'write_postings');
        EXECUTE format('ALTER FUNCTION %s SET enable_memoize = off', f);
    END LOOP;
END $$;
