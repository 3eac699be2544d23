-- Plans that follow the size of a call, not what the planner last heard of the tables.
--
-- These functions are given arrays of ids and look each of them up. A session that plans them while the tables are still
-- small would keep scans of whole tables, or joins that walk whole indexes, until the next ANALYZE: each call would cost
-- more the more there is. Looking up by index is right at every size.
DO $$
DECLARE
    f regprocedure;
BEGIN
    FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname = ANY (ARRAY['admit_v1',
        'outcome_v1',
        'reattempt_v1',
        'renew_v1',
        'record_usage_v3',
        'fail_v1',
        'sweep_v1',
        'settle_capped_v1']) LOOP
        EXECUTE format('ALTER FUNCTION %s SET plan_cache_mode = force_generic_plan', f);
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', f);
        EXECUTE format('ALTER FUNCTION %s SET enable_mergejoin = off', f);
        EXECUTE format('ALTER FUNCTION %s SET enable_hashjoin = off', f);
    END LOOP;
END $$;
