-- Every charge is its usage record's billed quantities at the attempt's price card, in the wallet's currency at the rate its
-- hold locked, rounded once: the buyer pays that or what was left of the hold, the platform takes its share of it, and pays
-- what its own tokenizer counted beyond. What was sold for it in the price's currency is reckoned the same way.
WITH priced AS (
    SELECT c.usage_id, c.hold_id, c.rated, c.amount, c.fee, c.overrun, d.fee_bps, u.count_method, v.amount AS sold, v.fee AS sold_fee,
           v.overrun AS sold_overrun, v.usage_id IS NOT NULL AS converted, coalesce(q.rate, 1) AS rate,
           (u.billed_in - u.billed_cached) * d.input_price + u.billed_cached * d.cached_input_price
           + u.billed_out * d.output_price + u.chip_seconds * d.chip_second_price AS price,
           h.amount - coalesce(sum(c.amount) OVER earlier, 0) AS hold_left,
           h.price_amount - coalesce(sum(v.amount) OVER earlier, 0) AS sold_left
      FROM charge c JOIN usage_record u ON u.id = c.usage_id JOIN attempt a ON a.id = u.attempt_id
      JOIN price_card d ON d.id = a.card_id JOIN hold h ON h.id = c.hold_id
      LEFT JOIN charge_conversion v ON v.usage_id = c.usage_id LEFT JOIN fx_quote q ON q.id = v.quote_id
    WINDOW earlier AS (PARTITION BY c.hold_id ORDER BY c.usage_id ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
), rated AS (
    SELECT priced.*, round_half_even(price * rate, 9) AS expected,
           CASE WHEN amount + overrun > 0 THEN round_half_even(price, 9) ELSE 0 END AS sold_expected FROM priced
)
SELECT usage_id, rated, expected, amount, fee, overrun, hold_left, sold, sold_expected FROM rated
 WHERE rated <> expected OR amount <> least(expected, hold_left)
    OR fee <> round_half_even(least(expected, hold_left) * fee_bps * 0.0001, 9)
    OR overrun <> CASE WHEN count_method = 'tokenizer' THEN greatest(expected - hold_left, 0) ELSE 0 END
    OR (converted AND (sold <> least(sold_expected, sold_left)
                       OR sold_fee <> round_half_even(sold * fee_bps * 0.0001, 9)
                       OR sold_overrun <> CASE WHEN count_method = 'tokenizer' AND overrun > 0
                                               THEN greatest(sold_expected - sold_left, 0) ELSE 0 END))
 ORDER BY usage_id
