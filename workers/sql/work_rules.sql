-- Each constraint costs every statement microseconds to prepare, so what a row must be is said in one.
ALTER TABLE job
    DROP CONSTRAINT job_kind_check,
    DROP CONSTRAINT job_state_check,
    DROP CONSTRAINT job_finished_has_a_time,
    DROP CONSTRAINT job_failed_has_a_reason,
    ADD CONSTRAINT job_is_sound CHECK (
        kind IN ('ONLINE', 'DEFERRED')
        AND CASE WHEN state IN ('QUEUED', 'RUNNING') THEN finished_at IS NULL
                 WHEN state IN ('SUCCEEDED', 'CANCELLED') THEN finished_at IS NOT NULL
                 WHEN state = 'FAILED' THEN finished_at IS NOT NULL AND error_code IS NOT NULL
                 ELSE false END);

ALTER TABLE attempt
    DROP CONSTRAINT attempt_number_check,
    DROP CONSTRAINT attempt_state_check,
    DROP CONSTRAINT attempt_delivered_in_check,
    DROP CONSTRAINT attempt_delivered_out_check,
    DROP CONSTRAINT attempt_ended_has_a_time,
    ADD CONSTRAINT attempt_is_sound CHECK (
        number >= 1 AND delivered_in >= 0 AND delivered_out >= 0
        AND CASE WHEN state = 'RUNNING' THEN ended_at IS NULL
                 WHEN state IN ('FENCED', 'FAILED', 'RECORDED') THEN ended_at IS NOT NULL
                 ELSE false END);

-- Neither NaN nor infinity: NaN counts as the greatest of all numbers here and would pass every other check.
ALTER TABLE usage_record
    DROP CONSTRAINT usage_record_seq_check,
    DROP CONSTRAINT usage_record_ours_in_check,
    DROP CONSTRAINT usage_record_ours_cached_check,
    DROP CONSTRAINT usage_record_ours_out_check,
    DROP CONSTRAINT usage_record_claim_in_check,
    DROP CONSTRAINT usage_record_claim_cached_check,
    DROP CONSTRAINT usage_record_claim_out_check,
    DROP CONSTRAINT usage_record_count_method_check,
    DROP CONSTRAINT usage_record_chip_seconds_check,
    DROP CONSTRAINT usage_record_joules_check,
    DROP CONSTRAINT usage_record_tier_check,
    DROP CONSTRAINT usage_record_attribution_check,
    DROP CONSTRAINT usage_is_finite,
    DROP CONSTRAINT usage_billed_within_ours,
    DROP CONSTRAINT usage_billed_within_claim,
    ADD CONSTRAINT usage_is_counted CHECK (
        seq >= 1 AND least(ours_in, ours_cached, ours_out, claim_in, claim_cached, claim_out) >= 0
        AND billed_in <= least(ours_in, claim_in) AND billed_cached <= billed_in AND billed_out <= least(ours_out, claim_out)
        AND count_method IN ('tokenizer', 'claim', 'deltas', 'bytes', 'checkpoint')),
    ADD CONSTRAINT usage_is_measured CHECK (
        0 <= chip_seconds AND chip_seconds < 'NaN' AND 0 <= joules AND joules < 'NaN'
        AND tier IN ('declared', 'polled', 'counter', 'cross_checked', 'attested')
        AND attribution IN ('estimated', 'apportioned', 'measured'));
