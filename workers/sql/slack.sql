-- What the book of offers does not list, because only jobs that wait can have it.
-- On an empty database this is loaded before the columns that later versions added.
SET LOCAL check_function_bodies = off;

-- Cheaper forms of the cards in force, for jobs that may wait `slack_hours`.
CREATE OR REPLACE FUNCTION slack_cards_v1()
RETURNS TABLE (offer_id bigint, of_card_id bigint, slack_hours int, card_id bigint, card_uid uuid,
               input_price numeric, cached_input_price numeric, output_price numeric, chip_second_price numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT o.id, c.id, v.slack_hours, v.id, v.uid, v.input_price, v.cached_input_price, v.output_price, v.chip_second_price
      FROM offer o
      JOIN offer_terms t ON t.offer_id = o.id
      CROSS JOIN LATERAL (SELECT * FROM price_card p WHERE p.offer_id = o.id AND p.starts_at <= now()
                           ORDER BY p.starts_at DESC, p.number DESC LIMIT 1) c
      JOIN price_card v ON v.offer_id = o.id AND v.of_number = c.number AND v.number BETWEEN c.number - 5 AND c.number - 1
     WHERE o.state = 'LIVE' AND (c.valid_until > now()) IS NOT FALSE
     ORDER BY o.id, v.slack_hours
$$;

-- Of live offers that are not sold now, the next card that starts before a moment.
CREATE OR REPLACE FUNCTION upcoming_cards_v1(p_before timestamptz)
RETURNS TABLE (offer_id bigint, card_id bigint, card_uid uuid, starts_at timestamptz, ends_at timestamptz,
               input_price numeric, cached_input_price numeric, output_price numeric, chip_second_price numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT o.id, n.id, n.uid, n.starts_at, n.valid_until, n.input_price, n.cached_input_price, n.output_price, n.chip_second_price
      FROM offer o
      JOIN offer_terms t ON t.offer_id = o.id AND t.contract = 'SURPLUS'
      LEFT JOIN LATERAL (SELECT * FROM price_card p WHERE p.offer_id = o.id AND p.starts_at <= now()
                          ORDER BY p.starts_at DESC, p.number DESC LIMIT 1) c ON true
      CROSS JOIN LATERAL (SELECT * FROM price_card p WHERE p.offer_id = o.id AND p.starts_at > now() AND p.starts_at < p_before
                             -- Not one that another overtook, nor one that runs out as it starts.
                             AND p.valid_until > p.starts_at + interval '1 second' AND p.slack_hours = 0
                             AND NOT EXISTS (SELECT 1 FROM price_card x WHERE x.offer_id = p.offer_id AND x.starts_at = p.starts_at
                                                AND x.number > p.number)
                           ORDER BY p.starts_at, p.number DESC LIMIT 1) n
     WHERE o.state = 'LIVE' AND (c.id IS NULL OR c.valid_until <= now())
     ORDER BY o.id
$$;

REVOKE ALL ON FUNCTION slack_cards_v1, upcoming_cards_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION slack_cards_v1, upcoming_cards_v1 TO :app_role;
