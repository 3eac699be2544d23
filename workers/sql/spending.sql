-- What each key has spent, a row a day, folded from charges behind the data plane so that reading it is cheap: the rows,
-- and the charges since. Figures for reading only; money is guarded by `scope`.

CREATE TABLE spend_day (
    organization_id bigint NOT NULL,
    api_key_id      bigint NOT NULL,
    currency        text NOT NULL,
    day             date NOT NULL,
    amount          numeric(38, 9) NOT NULL,
    PRIMARY KEY (organization_id, api_key_id, currency, day)
);
COMMENT ON COLUMN spend_day.day IS 'In UTC.';

-- Charges up to `folded_to` are folded. Those up to `marked_to` are complete once no transaction runs that is older than
-- `marked_xid`: a number is taken from the sequence before its charge is committed.
CREATE TABLE spend_cursor (
    only_one   boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    folded_to  bigint NOT NULL,
    marked_to  bigint NOT NULL,
    marked_xid xid8 NOT NULL,
    cluster    bigint NOT NULL
);

-- What an organization's keys have spent by day: what is folded, and the charges since.
CREATE OR REPLACE FUNCTION spend_v1(p_organization bigint)
RETURNS TABLE (api_key_id bigint, currency text, day date, amount numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT d.api_key_id, d.currency, d.day, d.amount FROM spend_day d WHERE d.organization_id = p_organization
     UNION ALL
    SELECT j.api_key_id, k.currency, (k.rated_at AT TIME ZONE 'UTC')::date, k.amount
      FROM charge k
      CROSS JOIN LATERAL (SELECT source FROM hold WHERE id = k.hold_id OFFSET 0) h
      CROSS JOIN LATERAL (SELECT * FROM job WHERE id = h.source OFFSET 0) j
     WHERE k.usage_id > coalesce((SELECT folded_to FROM spend_cursor), 0)
       AND k.wallet_id IN (SELECT id FROM scope WHERE organization_id = p_organization AND kind = 1)
$$;

-- What a key has spent, in each currency it has spent or may spend: in all, and in the day, week (from Monday) and month of
-- UTC that `p_now` lies in.
CREATE OR REPLACE FUNCTION key_spend_v1(p_key bigint, p_now timestamptz)
RETURNS TABLE (currency text, total numeric, daily numeric, weekly numeric, monthly numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT s.currency, sum(s.amount),
           coalesce(sum(s.amount) FILTER (WHERE s.day >= (p_now AT TIME ZONE 'UTC')::date), 0),
           coalesce(sum(s.amount) FILTER (WHERE s.day >= date_trunc('week', p_now AT TIME ZONE 'UTC')::date), 0),
           coalesce(sum(s.amount) FILTER (WHERE s.day >= date_trunc('month', p_now AT TIME ZONE 'UTC')::date), 0)
      FROM accounts_apikey k CROSS JOIN LATERAL spend_v1(k.organization_id) s
     WHERE k.id = p_key AND s.api_key_id = p_key
     GROUP BY s.currency
$$;

-- The key itself and the limits that are in force for it: its own, its maker's, its project's. `resets_at` is NULL for a
-- limit of a lifetime; of one whose period has turned since the last job the whole ceiling is there again.
CREATE OR REPLACE FUNCTION key_limits_v1(p_key bigint)
RETURNS TABLE (label text, mode text, expires_at timestamptz, kind text, limit_uid uuid, limit_currency text, period text,
               ceiling numeric, spent numeric, held numeric, resets_at timestamptz)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT k.name, k.mode, k.expires_at, (ARRAY['wallet', 'project', 'member', 'key'])[l.kind], l.uid, l.currency, l.period,
           l.ceiling, CASE WHEN l.turns_at <= now() THEN 0 ELSE s.ceiling - s.posted END,
           CASE WHEN l.turns_at <= now() THEN 0 ELSE s.held END,
           period_end_v1(l.period, now())
      FROM accounts_apikey k
      LEFT JOIN accounts_membership m ON m.organization_id = k.organization_id AND m.user_id = k.created_by_id
      LEFT JOIN LATERAL (
          SELECT * FROM spending_limit WHERE kind = 4 AND subject_id = k.id AND ended_at IS NULL
           UNION ALL
          SELECT * FROM spending_limit WHERE kind = 3 AND subject_id = k.created_by_id
             AND organization_id = k.organization_id AND ended_at IS NULL
           UNION ALL
          SELECT * FROM spending_limit WHERE kind = 2 AND subject_id = coalesce(k.project_id, m.project_id)
             AND ended_at IS NULL) l ON true
      LEFT JOIN scope s ON s.id = l.scope_id
     WHERE k.id = p_key
     ORDER BY l.kind DESC, l.id
$$;

-- Of each of an organization's wallets of real money, or of test money: what came in, what was used (posted or not), and
-- what is held. What is left is what came in less what was used.
CREATE OR REPLACE FUNCTION credits_v1(p_organization bigint, p_test boolean)
RETURNS TABLE (currency text, credits numeric, used numeric, held numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT w.currency, w.posted - coalesce(u.unposted, 0) + coalesce(s.used, 0), coalesce(s.used, 0),
           w.held - coalesce(u.unposted, 0)
      FROM scope w
      LEFT JOIN (SELECT currency, sum(amount) AS used FROM spend_v1(p_organization) GROUP BY currency) s ON s.currency = w.currency
      LEFT JOIN LATERAL (
          SELECT sum(k.amount) AS unposted FROM (
              SELECT usage_id FROM charge_queue WHERE wallet_id = w.id
               UNION
              SELECT q.usage_id FROM charge_quarantine q JOIN charge c ON c.usage_id = q.usage_id AND c.wallet_id = w.id) q
            JOIN charge k ON k.usage_id = q.usage_id) u ON true
     WHERE w.organization_id = p_organization AND w.kind = 1 AND (w.currency = 'XTS') = p_test
     ORDER BY w.id
$$;

REVOKE ALL ON spend_day, spend_cursor FROM :app_role;
GRANT SELECT ON spend_day, spend_cursor TO :app_role;
REVOKE ALL ON FUNCTION spend_v1, key_spend_v1, key_limits_v1, credits_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION spend_v1, key_spend_v1, key_limits_v1, credits_v1 TO :app_role;
