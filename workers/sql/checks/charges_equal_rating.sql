-- Every charge is its usage record's billed quantities at the attempt's price card, rounded once: the buyer pays that or
-- what was left of the hold, the platform takes its share of it, and pays what its own tokenizer counted beyond.
WITH rated AS (
    SELECT c.usage_id, c.rated, c.amount, c.fee, c.overrun, d.fee_bps, u.count_method,
           round_half_even((u.billed_in - u.billed_cached) * d.input_price + u.billed_cached * d.cached_input_price
                           + u.billed_out * d.output_price + u.chip_seconds * d.chip_second_price, 9) AS expected,
           h.amount - coalesce(sum(c.amount) OVER (PARTITION BY c.hold_id ORDER BY c.usage_id
                                                   ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING), 0) AS hold_left
      FROM charge c JOIN usage_record u ON u.id = c.usage_id JOIN attempt a ON a.id = u.attempt_id
      JOIN price_card d ON d.id = a.card_id JOIN hold h ON h.id = c.hold_id
)
SELECT usage_id, rated, expected, amount, fee, overrun, hold_left FROM rated
 WHERE rated <> expected OR amount <> least(expected, hold_left)
    OR fee <> round_half_even(least(expected, hold_left) * fee_bps * 0.0001, 9)
    OR overrun <> CASE WHEN count_method = 'tokenizer' THEN greatest(expected - hold_left, 0) ELSE 0 END
 ORDER BY usage_id
