-- Sites with a tariff, and live offers of one model at them, each with a card.
INSERT INTO site (uid, name, country, region, grid_zone, time_zone, currency, energy_price, pue, gco2_per_kwh,
                  carbon_source, created_at, organization_id)
SELECT gen_random_uuid(), 'site ' || n, 'CN', 'gansu', 'CN-GS', 'Asia/Shanghai', 'USD', 0.05, 1.2, 447.1, 'benchmark', now(), g.id
  FROM generate_series(1, :sites) n, accounts_organization g WHERE g.name = 'farm';
INSERT INTO site_tariff (uid, site_id, number, document, content_hash, figures, hold_minutes, quotes_forecasts, created_at)
SELECT gen_random_uuid(), s.id, 1, :document, 'benchmark', '{}', 1440, false, now() FROM site s WHERE s.name LIKE 'site %';
INSERT INTO offer (uid, currency, unit, slots, max_output_default, max_output_cap, state, supported, created_at,
                   model_id, organization_id, site_id)
SELECT gen_random_uuid(), 'USD', 'TOKEN', 8, 256, 4096, 'LIVE', '[]', now(), m.id, s.organization_id, s.id
  FROM model m, site s, generate_series(1, :offers_a_site) WHERE s.name LIKE 'site %';
INSERT INTO serving_profile (offer_id, chips, joules_per_output_token, joules_source, tokens_per_second, input_ratio,
                             cached_ratio, host_factor, utilisation, watts_idle, capital, capital_years, capital_rate,
                             operations_rate, margin, updated_at)
SELECT o.id, 8, 0.3 + (o.id % 100) * 0.001, 'declared', 9830, 0.45, 0, 1.255, 0.6, 1400, 300000, 4, 0.1, 0.05, 0.15, now()
  FROM offer o JOIN site s ON s.id = o.site_id WHERE s.name LIKE 'site %';
