-- Energy and carbon of usage, from what was recorded and from the factors that it was recorded with.
--
-- Energy of the machines (IT) times the site's PUE and line loss is what the meter at the grid shows; what is neither at the
-- machines nor in the hall was lost on the way. Grams are told by two accounts, of the grid where the site is (`gco2e`) and
-- of what was contracted (`market_gco2e`, NULL where nothing is), and are never added up across them: `market_kwh` says of
-- how much of a sum the market's grams speak. Each figure is rounded once, from the figures before it as they are written.

-- What is not rounded yet has a function of its own (see rating.sql).
CREATE OR REPLACE FUNCTION kwh_v1(p_joules numeric, p_factor numeric) RETURNS numeric LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT p_joules * p_factor / 3600000
$$;

-- One row a usage record. Records of before there were factors lost nothing on the line, and delivered no heat. Sums are
-- rounded and parts are their differences, so that no part is less than nothing and all of them are the whole.
CREATE OR REPLACE VIEW usage_energy AS
SELECT u.id AS usage_id, u.attempt_id, u.seq, u.joules, u.kwh, u.it_kwh, u.hall_kwh - u.it_kwh AS cooling_kwh,
       u.kwh - u.hall_kwh AS loss_kwh, round_half_even(u.heat, 12) AS heat_kwh, u.gco2e,
       CASE WHEN u.market IS NOT NULL THEN round_half_even(u.market, 9) END AS market_gco2e,
       CASE WHEN u.market IS NOT NULL THEN u.kwh ELSE 0 END AS market_kwh, u.pue, u.line_loss, u.heat_reused, u.intensity,
       u.market_intensity, u.grid, u.carbon_series, u.tier, u.attribution, u.recorded_at
  FROM (SELECT r.*, CASE WHEN r.factors_id IS NULL THEN least(round_half_even(r.it, 12), r.kwh)
                         ELSE round_half_even(r.it, 12) END AS it_kwh,
               CASE WHEN r.factors_id IS NULL THEN r.kwh ELSE round_half_even(r.hall, 12) END AS hall_kwh
          FROM (SELECT x.id, x.attempt_id, x.seq, x.joules, x.kwh, x.gco2e, x.tier, x.attribution, x.recorded_at, x.factors_id,
                       kwh_v1(x.joules, 1) AS it, kwh_v1(x.joules, f.pue) AS hall,
                       x.kwh * coalesce(f.heat_reused, 0) AS heat, x.kwh * f.market_gco2_per_kwh AS market,
                       f.pue, f.line_loss, coalesce(f.heat_reused, 0) AS heat_reused,
                       coalesce(f.gco2_per_kwh, round(x.gco2e / nullif(x.kwh, 0), 3)) AS intensity,
                       f.market_gco2_per_kwh AS market_intensity, f.grid_zone AS grid, f.carbon_series
                  FROM usage_record x
                  LEFT JOIN site_factors f ON f.id = x.factors_id) r) u;

REVOKE ALL ON usage_energy FROM :app_role;
GRANT SELECT ON usage_energy TO :app_role;

-- Of all records of an attempt together; no row if there is none. The market's grams are told where they speak of all of it.
CREATE OR REPLACE FUNCTION answer_energy_v1(p_attempt bigint)
RETURNS TABLE (joules numeric, kwh numeric, it_kwh numeric, cooling_kwh numeric, heat_kwh numeric, gco2e numeric,
               intensity numeric, grid text, market_gco2e numeric, market_intensity numeric, tier text, attribution text)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT sum(e.joules), sum(e.kwh), sum(e.it_kwh), sum(e.cooling_kwh), sum(e.heat_kwh), sum(e.gco2e),
           CASE WHEN min(e.intensity) = max(e.intensity) THEN min(e.intensity)
                ELSE coalesce(round(sum(e.gco2e) / nullif(sum(e.kwh), 0), 3), 0) END,
           coalesce(min(e.grid), (SELECT s.grid_zone FROM attempt a JOIN offer o ON o.id = a.offer_id
                                    JOIN site s ON s.id = o.site_id WHERE a.id = p_attempt)),
           CASE WHEN bool_and(e.market_gco2e IS NOT NULL) THEN sum(e.market_gco2e) END,
           CASE WHEN bool_and(e.market_gco2e IS NOT NULL) THEN
               CASE WHEN min(e.market_intensity) = max(e.market_intensity) THEN min(e.market_intensity)
                    ELSE round(sum(e.market_gco2e) / nullif(sum(e.kwh), 0), 3) END END,
           min(e.tier), min(e.attribution)
      FROM usage_energy e WHERE e.attempt_id = p_attempt HAVING count(*) > 0
$$;

REVOKE ALL ON FUNCTION answer_energy_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION answer_energy_v1 TO :app_role;
