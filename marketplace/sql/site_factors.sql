-- What a site's answers are reckoned with, kept as history: an answer names its factors, so that a later change of the site
-- changes no answer.

-- Note the factors of a site if they are others than those noted last; gives whether they are. `p_value` is the step of the
-- carbon series `p_series` that now runs, NULL if it is not known; without them the series' last step stays.
CREATE OR REPLACE FUNCTION note_site_factors_v1(p_site bigint, p_series text, p_value numeric) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    -- Whoever notes behind a change of the site reads it as it is after the change.
    PERFORM 1 FROM site WHERE id = p_site FOR NO KEY UPDATE;
    INSERT INTO site_factors (site_id, grid_zone, pue, line_loss, heat_reused, gco2_per_kwh, market_gco2_per_kwh, carbon_series,
                              noted_at)
    SELECT s.id, s.grid_zone, s.pue, coalesce(e.line_loss, 0), coalesce(e.heat_reused, 0), coalesce(g.value, s.gco2_per_kwh),
           e.market_gco2_per_kwh * (1 - e.matched_share), CASE WHEN g.value IS NULL THEN '' ELSE e.carbon_series END,
           clock_timestamp()
      FROM site s
      LEFT JOIN site_energy e ON e.site_id = s.id
      LEFT JOIN LATERAL (SELECT * FROM site_factors WHERE site_id = s.id ORDER BY id DESC LIMIT 1) l ON true
      CROSS JOIN LATERAL (
           SELECT CASE nullif(e.carbon_series, '') WHEN p_series THEN p_value WHEN l.carbon_series THEN l.gco2_per_kwh END) g(value)
     WHERE s.id = p_site
       AND (l.grid_zone, l.pue, l.line_loss, l.heat_reused, l.gco2_per_kwh, l.market_gco2_per_kwh, l.carbon_series)
           IS DISTINCT FROM
           (s.grid_zone, s.pue, coalesce(e.line_loss, 0), coalesce(e.heat_reused, 0), coalesce(g.value, s.gco2_per_kwh),
            e.market_gco2_per_kwh * (1 - e.matched_share), CASE WHEN g.value IS NULL THEN '' ELSE e.carbon_series END);
    RETURN FOUND;
END $$;

CREATE OR REPLACE FUNCTION note_factors_of_site() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM note_site_factors_v1((to_jsonb(NEW) ->> TG_ARGV[0])::bigint, NULL, NULL);
    RETURN NULL;
END $$;

CREATE OR REPLACE TRIGGER site_notes_factors AFTER INSERT OR UPDATE OF grid_zone, pue, gco2_per_kwh ON site
    FOR EACH ROW EXECUTE FUNCTION note_factors_of_site('id');
CREATE OR REPLACE TRIGGER site_energy_notes_factors AFTER INSERT OR UPDATE ON site_energy
    FOR EACH ROW EXECUTE FUNCTION note_factors_of_site('site_id');
CREATE OR REPLACE TRIGGER site_factors_never_change BEFORE UPDATE OR DELETE ON site_factors
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER site_factors_never_emptied BEFORE TRUNCATE ON site_factors
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

SELECT count(note_site_factors_v1(id, NULL, NULL)) FROM site;

REVOKE ALL ON site_factors FROM :app_role;
GRANT SELECT ON site_factors TO :app_role;
REVOKE ALL ON FUNCTION note_site_factors_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION note_site_factors_v1 TO :app_role;
