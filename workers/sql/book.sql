-- The book of offers, with what each of them can be asked for.
-- On an empty database this is loaded before the columns that later versions added.
SET LOCAL check_function_bodies = off;

-- Every live offer that a node stands behind, with the card in force and when the next one starts. One that is sold only
-- while there is surplus is listed without a card when there is none.
CREATE OR REPLACE FUNCTION book_v2()
RETURNS TABLE (
    offer_id bigint, offer_uid uuid, model_id bigint, model_slug text, context_length int, tokenizer text,
    provider_org_id bigint, provider_name text, site_uid uuid, site_name text, country text, region text, grid_zone text,
    pue numeric, gco2_per_kwh numeric, currency text, slots int, max_output_default int, max_output_cap int,
    card_id bigint, card_uid uuid, card_starts_at timestamptz, next_starts_at timestamptz,
    input_price numeric, cached_input_price numeric, output_price numeric, chip_second_price numeric,
    node_id bigint, node_uid uuid, chips int, watts_idle numeric, watts_busy numeric, upstream_model text, unit text,
    endpoints text[]
) LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT o.id, o.uid, m.id, m.slug, m.context_length, m.tokenizer, g.id, g.name, s.uid, s.name, s.country, s.region,
           s.grid_zone, s.pue, s.gco2_per_kwh, o.currency, o.slots, o.max_output_default, o.max_output_cap,
           c.id, c.uid, c.starts_at,
           least(c.valid_until, (SELECT min(f.starts_at) FROM price_card f WHERE f.offer_id = o.id AND f.starts_at > now())),
           c.input_price, c.cached_input_price, c.output_price, c.chip_second_price,
           n.id, n.uid, n.chips, n.declared_watts_idle, n.declared_watts_busy, e.upstream_model, o.unit,
           coalesce(o.endpoints, m.endpoints)
      FROM offer o
      JOIN model m ON m.id = o.model_id JOIN site s ON s.id = o.site_id JOIN accounts_organization g ON g.id = o.organization_id
      JOIN endpoint e ON e.offer_id = o.id JOIN node n ON n.id = e.node_id
      LEFT JOIN LATERAL (SELECT * FROM (SELECT * FROM price_card p WHERE p.offer_id = o.id AND p.starts_at <= now()
                                         ORDER BY p.starts_at DESC, p.number DESC LIMIT 1) l
                          WHERE (l.valid_until > now()) IS NOT FALSE) c ON true
     WHERE o.state = 'LIVE' AND n.state = 'ACTIVE'
       AND (c.id IS NOT NULL OR EXISTS (SELECT 1 FROM offer_terms t WHERE t.offer_id = o.id AND t.contract = 'SURPLUS'))
     ORDER BY o.id  -- readers compare whole answers to see whether anything changed
$$;
REVOKE ALL ON FUNCTION book_v2 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION book_v2 TO :app_role;
