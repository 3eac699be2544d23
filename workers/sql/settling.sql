-- Settling capped usage: collected behind the data plane, and given back what its final price leaves (giving_back.sql).

-- Find the usage of capped cards among the next `p_limit` numbers that are complete, as the folding of spending knows them;
-- gives how many numbers were looked at.
CREATE OR REPLACE FUNCTION collect_capped_v1(p_limit int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    done bigint;
    upto bigint;
    ready bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('collect_capped'));
    done := coalesce((SELECT collected_to FROM capped_cursor), 0);
    ready := coalesce((SELECT folded_to FROM spend_cursor), 0);
    upto := least(ready, done + p_limit);
    IF upto <= done THEN
        RETURN 0;
    END IF;
    IF NOT EXISTS (SELECT 1 FROM price_card WHERE capped) THEN
        upto := ready;
    ELSE
        INSERT INTO capped_usage (usage_id, card_id, sold_at)
        SELECT k.usage_id, a.card_id, a.started_at
          FROM charge k
          CROSS JOIN LATERAL (SELECT source FROM hold WHERE id = k.hold_id OFFSET 0) h
          CROSS JOIN LATERAL (SELECT billable_attempt_id FROM job WHERE id = h.source OFFSET 0) j
          CROSS JOIN LATERAL (SELECT card_id, started_at FROM attempt WHERE id = j.billable_attempt_id OFFSET 0) a
          CROSS JOIN LATERAL (SELECT capped FROM price_card WHERE id = a.card_id OFFSET 0) c
         WHERE k.usage_id > done AND k.usage_id <= upto AND c.capped
        ON CONFLICT DO NOTHING;
    END IF;
    INSERT INTO capped_cursor (collected_to) VALUES (upto) ON CONFLICT (only_one) DO UPDATE SET collected_to = EXCLUDED.collected_to;
    RETURN upto - done;
END $$;

-- Keep final prices of a card, and settle what waits for them, at most `p_limit` records; gives how many were settled. A
-- price that was found for a moment stays: what comes later is settled by it too, whatever was corrected since.
CREATE OR REPLACE FUNCTION settle_capped_v1(
    p_card bigint, p_starts timestamptz[], p_ends timestamptz[], p_per_kwh numeric[], p_input numeric[], p_cached numeric[],
    p_output numeric[], p_chip_second numeric[], p_limit int
) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    usages bigint[];
    rates numeric[];
    shares int[];
    sources bigint[];
    settled int := 0;
BEGIN
    IF NOT EXISTS (SELECT 1 FROM price_card WHERE id = p_card AND capped) THEN
        RAISE EXCEPTION 'card % is sold at its price', p_card USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO final_price (card_id, starts_at, ends_at, per_kwh, input_price, cached_input_price, output_price, chip_second_price)
    SELECT p_card, i.* FROM unnest(p_starts, p_ends, p_per_kwh, p_input, p_cached, p_output, p_chip_second) i
    ON CONFLICT DO NOTHING;
    SELECT array_agg(w.usage_id), array_agg(w.rated), array_agg(w.fee_bps), array_agg(w.price) INTO usages, rates, shares, sources FROM (
        SELECT q.usage_id, c.fee_bps, f.id AS price,
               rate_v1(u.billed_in, u.billed_cached, u.billed_out, u.chip_seconds,
                       f.input_price, f.cached_input_price, f.output_price, f.chip_second_price) AS rated
          FROM (SELECT x.usage_id, x.sold_at, y.id AS final_id
                  FROM capped_usage x
                  CROSS JOIN LATERAL (SELECT id FROM final_price WHERE card_id = p_card AND starts_at <= x.sold_at
                                         AND ends_at > x.sold_at ORDER BY id LIMIT 1) y
                 WHERE x.card_id = p_card
                   -- What is not posted yet waits. A charge of nothing never is.
                   AND (EXISTS (SELECT 1 FROM charge_entry e WHERE e.usage_id = x.usage_id)
                        OR EXISTS (SELECT 1 FROM charge c WHERE c.usage_id = x.usage_id AND c.amount + c.overrun = 0))
                 ORDER BY x.usage_id LIMIT least(p_limit, 5000) FOR UPDATE OF x SKIP LOCKED) q
          CROSS JOIN LATERAL (SELECT * FROM final_price WHERE id = q.final_id OFFSET 0) f
          CROSS JOIN LATERAL (SELECT hold_id FROM charge WHERE usage_id = q.usage_id OFFSET 0) k
          CROSS JOIN LATERAL (SELECT source FROM hold WHERE id = k.hold_id OFFSET 0) h
          CROSS JOIN LATERAL (SELECT billable_attempt_id FROM job WHERE id = h.source OFFSET 0) j
          JOIN usage_record u ON u.attempt_id = j.billable_attempt_id AND u.id = q.usage_id
          JOIN price_card c ON c.id = p_card) w;
    IF usages IS NOT NULL THEN
        settled := (SELECT g.settled FROM give_back_v1(usages, rates, shares, sources) g);
        DELETE FROM capped_usage q WHERE q.usage_id = ANY (usages) AND EXISTS (SELECT 1 FROM give_back g WHERE g.usage_id = q.usage_id);
    END IF;
    RETURN settled;
END $$;

REVOKE ALL ON FUNCTION collect_capped_v1, settle_capped_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION collect_capped_v1, settle_capped_v1 TO :app_role;
