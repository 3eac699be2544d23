-- What was given back was reckoned with the final price of the moment at which its attempt began, under its own card; in the
-- wallet's currency where that is another, at the rate of the job.
SELECT g.usage_id, g.rated, f.id AS final_price_id, f.card_id, a.card_id AS sold_by
  FROM give_back g
  LEFT JOIN usage_record u ON u.id = g.usage_id
  LEFT JOIN attempt a ON a.id = u.attempt_id
  LEFT JOIN final_price f ON f.id = g.source
  LEFT JOIN charge_conversion v ON v.usage_id = g.usage_id LEFT JOIN fx_quote q ON q.id = v.quote_id
 CROSS JOIN LATERAL (SELECT round_half_even(
     (u.billed_in - u.billed_cached) * f.input_price + u.billed_cached * f.cached_input_price
     + u.billed_out * f.output_price + u.chip_seconds * f.chip_second_price, 9) AS rated) x
 WHERE f.id IS NULL OR a.card_id IS DISTINCT FROM f.card_id OR a.started_at < f.starts_at OR a.started_at >= f.ends_at
    OR g.rated <> CASE WHEN q.id IS NULL THEN x.rated ELSE round_half_even(x.rated * q.rate, 9) END
 ORDER BY g.usage_id
