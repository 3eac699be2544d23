-- What the data plane reads: who holds a key, and the book of offers.
-- On an empty database this is loaded before the columns that later versions added.
SET LOCAL check_function_bodies = off;

CREATE OR REPLACE FUNCTION key_v1(p_digest bytea)
RETURNS TABLE (key_id bigint, org_id bigint, mode text, revoked boolean, expires_at timestamptz, currencies text[])
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT k.id, k.organization_id, k.mode, k.revoked_at IS NOT NULL, k.expires_at,
           coalesce((SELECT array_agg(s.currency ORDER BY s.id) FROM scope s
                      WHERE s.organization_id = k.organization_id AND s.kind = 1
                        AND (s.currency = 'XTS') = (k.mode = 'TEST')), '{}')
      FROM accounts_apikey k WHERE k.digest = p_digest
$$;

-- Every live offer that a node stands behind, with the card in force and when the next one starts.
CREATE OR REPLACE FUNCTION book_v1()
RETURNS TABLE (
    offer_id bigint, offer_uid uuid, model_id bigint, model_slug text, context_length int, tokenizer text,
    provider_org_id bigint, provider_name text, site_uid uuid, site_name text, country text, region text, grid_zone text,
    pue numeric, gco2_per_kwh numeric, currency text, slots int, max_output_default int, max_output_cap int,
    card_id bigint, card_uid uuid, card_starts_at timestamptz, next_starts_at timestamptz,
    input_price numeric, cached_input_price numeric, output_price numeric, chip_second_price numeric,
    node_id bigint, node_uid uuid, chips int, watts_idle numeric, watts_busy numeric, upstream_model text, unit text
) LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT o.id, o.uid, m.id, m.slug, m.context_length, m.tokenizer, g.id, g.name, s.uid, s.name, s.country, s.region,
           s.grid_zone, s.pue, s.gco2_per_kwh, o.currency, o.slots, o.max_output_default, o.max_output_cap,
           c.id, c.uid, c.starts_at,
           least(c.valid_until, (SELECT min(f.starts_at) FROM price_card f WHERE f.offer_id = o.id AND f.starts_at > now())),
           c.input_price, c.cached_input_price, c.output_price, c.chip_second_price,
           n.id, n.uid, n.chips, n.declared_watts_idle, n.declared_watts_busy, e.upstream_model, o.unit
      FROM offer o
      JOIN model m ON m.id = o.model_id JOIN site s ON s.id = o.site_id JOIN accounts_organization g ON g.id = o.organization_id
      JOIN endpoint e ON e.offer_id = o.id JOIN node n ON n.id = e.node_id
      CROSS JOIN LATERAL (SELECT * FROM price_card p WHERE p.offer_id = o.id AND p.starts_at <= now()
                           ORDER BY p.starts_at DESC, p.number DESC LIMIT 1) c
     WHERE o.state = 'LIVE' AND n.state = 'ACTIVE' AND (c.valid_until > now()) IS NOT FALSE
     ORDER BY o.id  -- readers compare whole answers to see whether anything changed
$$;

-- A node's connection changes often and is no business of the book.
CREATE OR REPLACE TRIGGER node_tells_the_book AFTER UPDATE OF state, chips, declared_watts_idle, declared_watts_busy ON node
    FOR EACH STATEMENT EXECUTE FUNCTION notify_book();
CREATE OR REPLACE TRIGGER endpoint_tells_the_book AFTER INSERT OR UPDATE OR DELETE ON endpoint
    FOR EACH STATEMENT EXECUTE FUNCTION notify_book();
