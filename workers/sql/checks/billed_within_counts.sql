-- Nobody is billed for more than we counted, nor for more than the provider claims.
SELECT id AS usage_id, attempt_id, ours_in, claim_in, billed_in, ours_out, claim_out, billed_out FROM usage_record
 WHERE billed_in <> least(ours_in, coalesce(claim_in, ours_in)) OR billed_out <> least(ours_out, coalesce(claim_out, ours_out))
    OR billed_cached > billed_in ORDER BY id
