-- Each constraint costs every statement microseconds to prepare, so what a row must be is said in one. NaN counts as the
-- greatest of all numbers here; a rated price that is one would pass all the rest.
ALTER TABLE charge
    DROP CONSTRAINT charge_amount_check,
    DROP CONSTRAINT charge_fee_check,
    DROP CONSTRAINT charge_overrun_check,
    DROP CONSTRAINT charge_is_finite,
    DROP CONSTRAINT charge_within_rated,
    DROP CONSTRAINT charge_fee_within_amount,
    ADD CONSTRAINT charge_is_sound CHECK (
        0 <= fee AND fee <= amount AND overrun >= 0 AND amount + overrun <= rated AND rated < 'NaN');

ALTER TABLE hold
    DROP CONSTRAINT hold_state_check,
    DROP CONSTRAINT hold_amount_not_negative,
    DROP CONSTRAINT hold_released_within_amount,
    DROP CONSTRAINT hold_closed_is_released,
    DROP CONSTRAINT hold_names_its_wallet,
    ADD CONSTRAINT hold_is_sound CHECK (
        0 <= released AND released <= amount AND cardinality(scopes) >= 1
        AND CASE state WHEN 'OPEN' THEN true WHEN 'CLOSED' THEN released = amount AND closed_at IS NOT NULL ELSE false END);
