-- What providers earned, by account, day and site: folded from the ledger behind the data plane so that reading it is cheap: the
-- rows, and the entries since. Figures for reading only; what is owed is the ledger's.

CREATE TABLE income_day (
    account_id bigint NOT NULL,
    day        date NOT NULL,
    site_id    bigint NOT NULL,
    earned     numeric(38, 9) NOT NULL,
    taken      numeric(38, 9) NOT NULL,
    charges    bigint NOT NULL,
    PRIMARY KEY (account_id, day, site_id)
);
COMMENT ON TABLE income_day IS 'Of accounts of purpose PAYABLE; days are of UTC, as entries are booked; site 0 is for what belongs to none.';
COMMENT ON COLUMN income_day.taken IS 'By refunds, claims and final prices: negative.';

CREATE TABLE income_cursor (
    only_one  boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    folded_to bigint NOT NULL
);
COMMENT ON COLUMN income_cursor.folded_to IS 'The ledger''s number up to which entries are folded.';

-- What entries moved on accounts because something was sold, or given back: one row for each charge, or for what is no charge
-- (usage 0). Rows of an entry and account come to its posting. A reversal counts as what it reverses, with the other sign. Entries
-- of charges and of give-backs stand for many; a refund or a claim names its charge in its key, heat its contract.
CREATE OR REPLACE FUNCTION place_income_v1(p_accounts bigint[], p_entries bigint[])
RETURNS TABLE (entry_id bigint, account_id bigint, kind text, day date, happened_at timestamptz, usage_id bigint, job_id bigint,
               site_id bigint, amount numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp
-- Each of the charges is looked up by index, whatever the planner thinks of how many stand behind an entry.
SET enable_seqscan = off SET enable_hashjoin = off SET enable_mergejoin = off AS $$
    WITH moved AS MATERIALIZED (
        SELECT p.entry_id, p.account_id, coalesce(r.kind, e.kind) AS kind, coalesce(r.key, e.key) AS key,
               booked_day(e.booked_on, e.happened_at) AS day, e.happened_at, -p.amount AS amount
          FROM unnest(p_entries) AS asked(id) JOIN posting p ON p.entry_id = asked.id AND p.account_id = ANY (p_accounts)
          JOIN entry e ON e.id = p.entry_id LEFT JOIN entry r ON r.id = e.reverses
         WHERE coalesce(r.kind, e.kind) = ANY (invoiced_kinds())
    ), part AS (
        SELECT m.entry_id, m.account_id, m.kind, m.day, m.happened_at, x.usage_id, NULL::uuid AS contract,
               s.amount - s.fee + s.overrun AS amount
          FROM moved m JOIN charge_entry x ON x.entry_id = m.entry_id
          JOIN sale s ON s.usage_id = x.usage_id AND s.payable_id = m.account_id
         WHERE m.kind = 'CHARGE'
         UNION ALL
        SELECT m.entry_id, m.account_id, m.kind, m.day, m.happened_at, g.usage_id, NULL,
               -(coalesce(v.amount, g.amount) - coalesce(v.fee, g.fee) + coalesce(v.overrun, g.overrun))
          FROM moved m JOIN give_back g ON g.entry_id = m.entry_id
          JOIN charge c ON c.usage_id = g.usage_id AND c.payable_id = m.account_id
          LEFT JOIN give_back_conversion v ON v.usage_id = g.usage_id
         WHERE m.kind = 'GIVE_BACK'
         UNION ALL
        SELECT m.entry_id, m.account_id, m.kind, m.day, m.happened_at,
               substring(m.key FROM '^(?:refund|claim):usage:([0-9]+)$')::bigint,
               substring(m.key FROM '^heat:([0-9a-f-]{36}):')::uuid, m.amount
          FROM moved m WHERE m.kind NOT IN ('CHARGE', 'GIVE_BACK')
    )
    SELECT p.entry_id, p.account_id, p.kind, p.day, p.happened_at, coalesce(p.usage_id, 0), a.job_id, coalesce(o.site_id, k.site_id, 0),
           p.amount
      FROM part p
      LEFT JOIN usage_record u ON u.id = p.usage_id
      LEFT JOIN attempt a ON a.id = u.attempt_id
      LEFT JOIN offer o ON o.id = a.offer_id
      LEFT JOIN heat_contract k ON k.uid = p.contract
$$;

-- Fold the next entries that are numbered, at most `p_limit`; gives how many numbers were folded. Two at once wait for each other.
CREATE OR REPLACE FUNCTION fold_income_v1(p_limit int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    folded bigint;
    upto bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('fold_income'));
    -- Behind the lock, or the same entries could be folded twice.
    folded := coalesce((SELECT folded_to FROM income_cursor), 0);
    upto := least((SELECT coalesce(max(seq), 0) FROM ledger_seq), folded + p_limit);
    IF upto <= folded THEN
        RETURN 0;
    END IF;
    INSERT INTO income_day AS known (account_id, day, site_id, earned, taken, charges)
    SELECT p.account_id, p.day, p.site_id, coalesce(sum(p.amount) FILTER (WHERE p.kind IN ('CHARGE', 'HEAT')), 0),
           coalesce(sum(p.amount) FILTER (WHERE p.kind NOT IN ('CHARGE', 'HEAT')), 0), count(*) FILTER (WHERE p.kind = 'CHARGE')
      FROM place_income_v1(ARRAY(SELECT id FROM ledger_account WHERE purpose = 'PAYABLE'),
                           ARRAY(SELECT entry_id FROM ledger_seq WHERE seq > folded AND seq <= upto)) p
     GROUP BY 1, 2, 3
    ON CONFLICT (account_id, day, site_id) DO UPDATE
       SET earned = known.earned + EXCLUDED.earned, taken = known.taken + EXCLUDED.taken, charges = known.charges + EXCLUDED.charges;
    INSERT INTO income_cursor (folded_to) VALUES (upto) ON CONFLICT (only_one) DO UPDATE SET folded_to = EXCLUDED.folded_to;
    RETURN upto - folded;
END $$;

REVOKE ALL ON income_day, income_cursor FROM PUBLIC, :app_role;
GRANT SELECT ON income_day, income_cursor TO :app_role;
REVOKE ALL ON FUNCTION fold_income_v1, place_income_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fold_income_v1, place_income_v1 TO :app_role;
