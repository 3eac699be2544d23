-- Terms change, and are never taken away: an offer that has none was never given any.
REVOKE DELETE, TRUNCATE ON offer_terms FROM :app_role;
