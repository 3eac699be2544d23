"""Rows of the market's own books: what prices follow from, and what is added up of charges."""

from typing import Any

import psycopg

from tests.billing import exchange

Connection = psycopg.Connection[Any]

BY_HAND = """
INSERT INTO price_basis SELECT 'a', 0, 0, 0, 0, '{}', now(), id FROM offer LIMIT 1;
INSERT INTO site_tariff (uid, number, document, content_hash, figures, hold_minutes, quotes_forecasts,
    created_at, site_id) SELECT gen_random_uuid(), 1, '{}', 'x', '{}', 5, false, now(), id FROM site LIMIT 1;
INSERT INTO site_figure (name, key, figures, source, stated_at, site_id)
    SELECT 'chips', 'x', '{}', 'a meter', now(), id FROM site LIMIT 1;
INSERT INTO joules_finding (number, basis, joules, claimed, tier, source, readings, left_out, tokens, flags,
    window_start, window_end, offer_id)
    SELECT 1, 'CLAIM', 1, 1, 'declared', '', 0, 0, 0, '[]', now(), now() + interval '1 day', id
    FROM offer LIMIT 1;
INSERT INTO reference_version (name, number, digest, title, source, date, licence, url, note, loaded_at)
    VALUES ('grids', 1, repeat('a', 64), '', '', '', '', '', '', now());
INSERT INTO reference_figure (key, figures, source, date, grade, verified, note, version_id)
    SELECT 'x', '{}', '', '', 'A', true, '', id FROM reference_version;
INSERT INTO power_lot (uid, kind, country, grid_zone, region, starts_at, ends_at, profile, kw, floor_price,
    currency, firmness, notice_seconds, min_take_kwh, divisible, closes_at, state, awarded_kw, created_at,
    organization_id)
    SELECT gen_random_uuid(), 'DIRECT', 'CN', 'CN-GZ', '', now(), now() + interval '1 hour', '[]', 9, 0,
    'USD', 'FIRM', 0, 0, true, now(), 'OPEN', 0, now(), organization_id FROM site LIMIT 1;
INSERT INTO power_bid (uid, kw, kw_least, price, created_at, organization_id, site_id, lot_id)
    SELECT gen_random_uuid(), 1, 1, 0.05, now(), s.organization_id, s.id, l.id
    FROM power_lot l CROSS JOIN (SELECT * FROM site LIMIT 2) s;
INSERT INTO power_award (uid, kw, price, awarded_at, bid_id, lot_id)
    SELECT gen_random_uuid(), 1, 0.05, now(), min(id), lot_id FROM power_bid GROUP BY lot_id;
INSERT INTO series (slug, name, kind, market, zone, currency, unit, resolution, low, high, source, licence,
    synthetic, assumptions, created_at)
    VALUES ('spot', '', 'PRICE', '', '', 'USD', 'kWh', 60, -1, 9, '', '', false, '{}', now());
INSERT INTO final_price (card_id, starts_at, ends_at, per_kwh, input_price, cached_input_price, output_price,
    chip_second_price) SELECT id, now(), now() + interval '1 hour', 0.05, 0, 0, 0, 0 FROM price_card LIMIT 1;
INSERT INTO capped_usage SELECT id, 1, now() FROM usage_record LIMIT 1;
INSERT INTO meter_flag (attempt_id, kind) SELECT max(id), 'above_hold' FROM attempt;
INSERT INTO flag_resolution SELECT id, 'looked at', now(), (SELECT min(id) FROM accounts_user) FROM meter_flag
    LIMIT 1;
INSERT INTO accounts_auditevent (uid, happened_at, actor_kind, action, subject_kind, organization_id)
    SELECT gen_random_uuid(), now(), 'SYSTEM', 'x', 'x', min(id) FROM accounts_organization;
INSERT INTO answer_note (attempt_id, endpoint, streamed, total_ms)
    SELECT min(id), 'chat', false, 1 FROM attempt
"""
WRITE = """
SELECT write_series_v1((SELECT id FROM series WHERE slug = 'spot'), ARRAY[timestamptz '2026-01-01'],
                       ARRAY[%s::numeric], ARRAY[false], now(), now())
"""


def fill(app: Connection, owner: Connection) -> None:
    """Write one of everything, and add up what was charged."""
    owner.execute(BY_HAND.encode())
    exchange.fetch(app, "SELECT ensure_series_partitions_v1()")
    for value in (1, 2):
        exchange.fetch(app, WRITE, value)
    for _ in range(2):
        exchange.fetch(app, "SELECT fold_spend_v1(1000)")
    exchange.fetch(app, "SELECT collect_capped_v1(1000)")
