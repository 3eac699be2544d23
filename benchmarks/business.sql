-- One provider with a site, a node, an offer and its card; a function that adds a buyer with funds and a key.
INSERT INTO accounts_organization (uid, name, country) VALUES (gen_random_uuid(), 'farm', 'CN');
INSERT INTO accounts_agenttoken (uid, name, digest, last4, organization_id)
SELECT gen_random_uuid(), 'agent', sha256('agent'), 'gent', id FROM accounts_organization;
INSERT INTO site (uid, name, country, region, grid_zone, time_zone, currency, energy_price, pue, gco2_per_kwh,
                  carbon_source, created_at, organization_id)
SELECT gen_random_uuid(), 'hall', 'CN', 'qinghai', 'CN-QH', 'Asia/Shanghai', 'USD', 0.05, 1.2, 180, 'benchmark', now(), id
  FROM accounts_organization;
INSERT INTO model (slug, name, context_length, tokenizer, max_output_default, created_at)
VALUES ('simulated-small', 'Simulated', 8192, 'byte-level', 256, now());
INSERT INTO offer (uid, currency, unit, slots, max_output_default, max_output_cap, state, supported, created_at,
                   model_id, organization_id, site_id)
SELECT gen_random_uuid(), 'USD', 'TOKEN', 512, 256, 4096, 'LIVE', '[]', now(), m.id, s.organization_id, s.id
  FROM model m, site s;
INSERT INTO price_card (uid, offer_id, number, currency, starts_at, input_price, cached_input_price, output_price,
                        chip_second_price, fee_bps, breakdown, created_at)
SELECT gen_random_uuid(), id, 1, 'USD', now() - interval '1 minute', 0.00000015, 0, 0.0000006, 0, 500, '{}', now()
  FROM offer;
INSERT INTO node (uid, organization_id, site_id, agent_token_id, name, chips, chip_slug, declared_watts_idle,
                  declared_watts_busy, state)
SELECT :node_uid, s.organization_id, s.id, t.id, 'node', 1, '', 10, 50, 'ACTIVE' FROM site s, accounts_agenttoken t;
INSERT INTO endpoint (offer_id, node_id, upstream_model) SELECT o.id, n.id, 'simulated-small' FROM offer o, node n;

CREATE FUNCTION pg_temp.add_buyer(name text, digest bytea, last4 text, topup text, amount numeric)
RETURNS TABLE (organization bigint, key bigint) LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO accounts_organization (uid, name, country) VALUES (gen_random_uuid(), name, 'US')
    RETURNING id INTO organization;
    INSERT INTO accounts_apikey (uid, name, mode, digest, last4, organization_id)
    VALUES (gen_random_uuid(), 'key', 'LIVE', digest, last4, organization) RETURNING id INTO key;
    PERFORM post_v1(topup, 'TOP_UP', 'benchmark', '', now(),
                    ARRAY[account_v1('CLEARING_BANK', NULL, 'USD'), account_v1('WALLET', organization, 'USD')],
                    ARRAY[amount, -amount]);
    RETURN NEXT;
END $$;
