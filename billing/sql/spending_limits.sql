-- Spending limits: what a key, a member or a project may spend in a period, in one currency.
--
-- A row here says what is allowed; what was spent and held in one period is a row of `scope`, made when the period's first
-- job is admitted. A hold remembers the rows it raised, so work that outlives a period settles in the one it began in.

CREATE TABLE spending_limit (
    id              bigint GENERATED ALWAYS AS IDENTITY,
    uid             uuid NOT NULL UNIQUE,
    kind            smallint NOT NULL CHECK (kind BETWEEN 2 AND 4),
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    subject_id      bigint NOT NULL,
    currency        text NOT NULL REFERENCES currency,
    period          text NOT NULL CHECK (period IN ('DAILY', 'WEEKLY', 'MONTHLY', 'LIFETIME')),
    ceiling         numeric(38, 9) NOT NULL CHECK (ceiling >= 0 AND ceiling < 'NaN'),
    scope_id        bigint UNIQUE REFERENCES scope,
    turns_at        timestamptz,
    created_at      timestamptz NOT NULL DEFAULT now(),
    changed_at      timestamptz NOT NULL DEFAULT now(),
    ended_at        timestamptz,
    -- A limit that is removed and set again is the same limit: nothing that was spent is forgotten by that.
    CONSTRAINT spending_limit_once UNIQUE (kind, subject_id, organization_id, currency, period),
    -- What a scope repeats of its limit is the limit's.
    CONSTRAINT spending_limit_identity UNIQUE (id, kind, organization_id, subject_id, currency)
) WITH (fillfactor = 80);
-- After the other, so that each of the two can be seen to refuse.
ALTER TABLE spending_limit ADD PRIMARY KEY (id);
COMMENT ON COLUMN spending_limit.kind IS '2 project, 3 member, 4 key, as in scope.';
COMMENT ON COLUMN spending_limit.turns_at IS 'When the period of scope_id ends; NULL never. Past: the next job makes the next row.';

-- Limits of the previous version were of keys and for ever.
ALTER TABLE scope ADD COLUMN limit_id bigint;
INSERT INTO spending_limit (uid, kind, organization_id, subject_id, currency, period, ceiling, scope_id)
SELECT gen_random_uuid(), s.kind, s.organization_id, s.subject_id, s.currency, 'LIFETIME', s.ceiling, s.id
  FROM scope s WHERE s.kind > 1;
UPDATE scope s SET limit_id = l.id FROM spending_limit l WHERE l.scope_id = s.id;
ALTER TABLE scope
    ADD CONSTRAINT scope_limit_is_named CHECK ((kind = 1) = (limit_id IS NULL)),
    ADD CONSTRAINT scope_of_its_limit FOREIGN KEY (limit_id, kind, organization_id, subject_id, currency)
        REFERENCES spending_limit (id, kind, organization_id, subject_id, currency),
    -- A limit lowered below what is out already has room for nothing, and what is out may still settle.
    ADD CONSTRAINT scope_limit_floor CHECK (kind = 1 OR floor <= 0),
    DROP CONSTRAINT scope_kind_organization_id_subject_id_currency_period_start_key,
    ADD CONSTRAINT scope_once UNIQUE NULLS NOT DISTINCT (kind, organization_id, currency, limit_id, period_start);
DROP FUNCTION IF EXISTS limit_v1;

-- When the period that `p_at` lies in began. Periods are UTC's; a week begins on Monday; a lifetime never did.
CREATE OR REPLACE FUNCTION period_start_v1(p_period text, p_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT CASE p_period WHEN 'DAILY' THEN date_trunc('day', p_at, 'UTC')
                         WHEN 'WEEKLY' THEN date_trunc('week', p_at, 'UTC')
                         WHEN 'MONTHLY' THEN date_trunc('month', p_at, 'UTC') END
$$;

CREATE OR REPLACE FUNCTION period_end_v1(p_period text, p_at timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT ((period_start_v1(p_period, p_at) AT TIME ZONE 'UTC')
            + CASE p_period WHEN 'DAILY' THEN interval '1 day' WHEN 'WEEKLY' THEN interval '1 week'
                            WHEN 'MONTHLY' THEN interval '1 month' END) AT TIME ZONE 'UTC'
$$;

-- Make the rows of periods that have begun since. Two that come at once make one row: the second waits and finds it, or
-- without `p_wait` passes it by. Limits are locked before any scope, in the order of their ids.
CREATE OR REPLACE FUNCTION turn_limits_v1(p_limits bigint[], p_wait boolean) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    due bigint[];
BEGIN
    IF p_wait THEN
        SELECT array_agg(d.id) INTO due FROM (
            SELECT id FROM spending_limit WHERE id = ANY (p_limits) AND turns_at <= now() ORDER BY id FOR NO KEY UPDATE) d;
    ELSE
        SELECT array_agg(d.id) INTO due FROM (
            SELECT id FROM spending_limit WHERE id = ANY (p_limits) AND turns_at <= now() ORDER BY id
              FOR NO KEY UPDATE SKIP LOCKED) d;
    END IF;
    WITH made AS (
        INSERT INTO scope (kind, currency, organization_id, subject_id, limit_id, period_start, ceiling, posted)
        SELECT l.kind, l.currency, l.organization_id, l.subject_id, l.id, period_start_v1(l.period, now()), l.ceiling, l.ceiling
          FROM spending_limit l WHERE l.id = ANY (due)
        RETURNING id, limit_id
    )
    UPDATE spending_limit l SET scope_id = made.id, turns_at = period_end_v1(l.period, now())
      FROM made WHERE l.id = made.limit_id;
END $$;

-- Set a limit (`p_kind` 2 project, 3 member, 4 key), or change or revive the one there is; gives its id. What was spent
-- stays spent. A ceiling below what is spent and held lets nothing more begin until a period turns or it is raised.
CREATE OR REPLACE FUNCTION set_limit_v1(
    p_uid uuid, p_kind smallint, p_organization bigint, p_subject bigint, p_currency text, p_period text, p_ceiling numeric
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    l spending_limit;
BEGIN
    INSERT INTO spending_limit AS known (uid, kind, organization_id, subject_id, currency, period, ceiling, turns_at)
    VALUES (p_uid, p_kind, p_organization, p_subject, p_currency, p_period, p_ceiling, now())
    ON CONFLICT (kind, subject_id, organization_id, currency, period)
    DO UPDATE SET ceiling = EXCLUDED.ceiling, changed_at = now(), ended_at = NULL
    RETURNING * INTO l;
    UPDATE scope s SET ceiling = l.ceiling, posted = s.posted + l.ceiling - s.ceiling,
                       floor = least(0, s.posted + l.ceiling - s.ceiling - s.held)
     WHERE s.id = l.scope_id;
    PERFORM turn_limits_v1(ARRAY[l.id], true);
    RETURN l.id;
END $$;

-- Remove a limit: it stops nothing that begins from now on. False if there is no such limit in force.
CREATE OR REPLACE FUNCTION end_limit_v1(p_limit bigint) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE spending_limit SET ended_at = now(), changed_at = now() WHERE id = p_limit AND ended_at IS NULL;
    RETURN FOUND;
END $$;

-- What a scope that refused `p_amount` says of itself, as text of a JSON object; amounts are decimal strings.
CREATE OR REPLACE FUNCTION explain_scope_v1(p_scope bigint, p_amount numeric) RETURNS text
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT jsonb_strip_nulls(jsonb_build_object(
               'kind', (ARRAY['wallet', 'project', 'member', 'key'])[s.kind], 'currency', s.currency,
               'limit_id', l.uid, 'period', lower(l.period),
               'limit', trim_scale(s.ceiling)::text, 'spent', trim_scale(s.ceiling - s.posted)::text,
               'posted', CASE WHEN s.kind = 1 THEN trim_scale(s.posted)::text END, 'held', trim_scale(s.held)::text,
               'available', trim_scale(CASE WHEN s.kind = 1 THEN s.posted - s.held - s.floor
                                            ELSE greatest(s.posted - s.held, 0) END)::text,
               'needed', trim_scale(p_amount)::text,
               'resets_at', to_char(l.turns_at AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS"Z"')))::text
      FROM scope s LEFT JOIN spending_limit l ON l.id = s.limit_id WHERE s.id = p_scope
$$;

REVOKE ALL ON spending_limit FROM :app_role;
GRANT SELECT ON spending_limit TO :app_role;
REVOKE ALL ON FUNCTION turn_limits_v1, set_limit_v1, end_limit_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION set_limit_v1, end_limit_v1 TO :app_role;
