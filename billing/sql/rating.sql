-- Rating: quantities times unit prices, rounded once. The same rule as billing/rating.py; both share golden vectors.
--
-- What is not rounded yet has a function of its own: PostgreSQL merges the rounding into a statement only where it is given
-- a column, and calls it like a query of its own where it is given an expression.

-- `p_in` counts all prompt tokens, the cached among them; only the uncached pay the input price.
CREATE OR REPLACE FUNCTION price_v1(
    p_in bigint, p_cached bigint, p_out bigint, p_chip_seconds numeric,
    p_input_price numeric, p_cached_price numeric, p_output_price numeric, p_chip_second_price numeric
) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT (p_in - p_cached) * p_input_price + p_cached * p_cached_price + p_out * p_output_price
           + p_chip_seconds * p_chip_second_price
$$;

CREATE OR REPLACE FUNCTION rate_v1(
    p_in bigint, p_cached bigint, p_out bigint, p_chip_seconds numeric,
    p_input_price numeric, p_cached_price numeric, p_output_price numeric, p_chip_second_price numeric
) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round_half_even(price_v1(p_in, p_cached, p_out, p_chip_seconds,
                                    p_input_price, p_cached_price, p_output_price, p_chip_second_price), 9)
$$;

-- The platform's share of what the buyer pays, rounded once; the provider gets the rest. Multiplied, because a division of
-- numerics rounds by itself when its result is large.
CREATE OR REPLACE FUNCTION share_v1(p_amount numeric, p_bps int) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_amount * p_bps * 0.0001
$$;

CREATE OR REPLACE FUNCTION fee_v1(p_amount numeric, p_bps int) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT round_half_even(share_v1(p_amount, p_bps), 9)
$$;
