-- The one rounding of amounts, half to even, as core.money.round_amount does it.
--
-- round() of PostgreSQL takes ties away from zero, so only ties are treated here: with a tie,
-- twice the amount is a whole number of units while the amount is not, and rounding half of it
-- lands on the even neighbour. Sums, truncation and the product with 0.5 are exact at any size.
--
-- Not declared STRICT although NULL gives NULL: a strict function is inlined only when its body
-- has no CASE, and inlining makes this several times cheaper.
CREATE OR REPLACE FUNCTION round_half_even(amount numeric, places int) RETURNS numeric
LANGUAGE sql IMMUTABLE PARALLEL SAFE
AS $$
    SELECT CASE
        WHEN trunc(amount + amount, places) = amount + amount AND trunc(amount, places) <> amount
        THEN 2 * round(amount * 0.5, places)
        ELSE round(amount, places)
    END
$$;
