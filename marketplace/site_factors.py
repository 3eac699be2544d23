"""Carbon of the grid as its series tells it, for the sites that name one."""

from datetime import datetime

from django.db import connection

# A step that is not known, or that ended before the next one came, is no word on the present.
MOVED = """
SELECT e.site_id, e.carbon_series, p.value
  FROM site_energy e
  LEFT JOIN series s ON s.slug = e.carbon_series AND s.kind = 'CARBON'
  LEFT JOIN LATERAL (
       SELECT value FROM series_point
        WHERE series_id = s.id AND starts_at <= %(now)s
          AND starts_at > %(now)s - s.resolution * interval '1 minute'
        ORDER BY starts_at DESC LIMIT 1) p ON true
  LEFT JOIN LATERAL (SELECT * FROM site_factors WHERE site_id = e.site_id ORDER BY id DESC LIMIT 1) l ON true
 WHERE e.carbon_series <> ''
   AND (CASE WHEN p.value IS NULL THEN '' ELSE e.carbon_series END, coalesce(p.value, l.gco2_per_kwh))
       IS DISTINCT FROM (l.carbon_series, l.gco2_per_kwh)
 ORDER BY e.site_id
"""


def follow_carbon(*, now: datetime) -> int:
    """
    Have the answers of sites with a carbon series reckoned with the step that runs now; gives of how many
    sites the factors changed. While the series does not know, the site's own figure holds.
    """
    with connection.cursor() as cursor:
        cursor.execute(MOVED, {"now": now})
        moved = cursor.fetchall()
        noted = 0
        for site, series, value in moved:
            cursor.execute("SELECT note_site_factors_v1(%s, %s, %s)", [site, series, value])
            noted += cursor.fetchone()[0]
    return noted
