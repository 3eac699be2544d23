-- Who dealt with whom in each charge, and why a charge counts for nothing where it does not.
--
-- Whatever is computed of trade (reputation, volume, prices paid, an index) reads `arms_length`, never `charge` itself:
-- trade of an organization with itself, or between two that one person owns, is matched and charged like any other, and
-- proves nothing about what a stranger would pay or get. Test money proves nothing either.
CREATE OR REPLACE VIEW dealing AS
SELECT c.usage_id, u.attempt_id, a.job_id, a.offer_id, a.node_id, o.model_id, o.site_id,
       j.organization_id AS buyer_id, o.organization_id AS provider_id,
       c.currency, c.amount, c.fee, u.billed_in, u.billed_cached, u.billed_out, u.chip_seconds, u.joules, u.kwh, u.recorded_at,
       CASE WHEN j.organization_id = o.organization_id THEN 'same_organization'
            WHEN EXISTS (SELECT FROM accounts_membership b JOIN accounts_membership p ON p.user_id = b.user_id
                          WHERE b.organization_id = j.organization_id AND b.role = 'OWNER'
                            AND p.organization_id = o.organization_id AND p.role = 'OWNER') THEN 'same_owner'
            WHEN c.currency = 'XTS' THEN 'test_money'
       END AS excluded_because
  FROM charge c
  JOIN usage_record u ON u.id = c.usage_id
  JOIN attempt a ON a.id = u.attempt_id
  JOIN job j ON j.id = a.job_id
  JOIN offer o ON o.id = a.offer_id;

CREATE OR REPLACE VIEW arms_length AS SELECT * FROM dealing WHERE excluded_because IS NULL;

REVOKE ALL ON dealing, arms_length FROM :app_role;
GRANT SELECT ON dealing, arms_length TO :app_role;
