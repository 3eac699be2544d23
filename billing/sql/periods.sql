-- Periods of the books, and balances as they were.
--
-- An entry is booked on the day on which it happened (of UTC); one that happened in a period that is closed meanwhile keeps that
-- as its effective date and is booked in the open one. What is booked in a closed period never changes again.

CREATE TABLE accounting_period (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid         uuid NOT NULL UNIQUE,
    starts_on   date NOT NULL,
    ends_on     date NOT NULL,
    last_seq    bigint NOT NULL,
    chain       bytea NOT NULL CHECK (length(chain) = 32),
    sha256      text NOT NULL CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    approval_id bigint NOT NULL UNIQUE REFERENCES approval,
    closed_at   timestamptz NOT NULL,
    CONSTRAINT accounting_period_is_over CHECK (starts_on <= ends_on AND ends_on < (closed_at AT TIME ZONE 'UTC')::date)
);
COMMENT ON TABLE accounting_period IS 'Closed periods, one after the other without gaps; the open one has no row.';
COMMENT ON COLUMN accounting_period.last_seq IS 'The last number in the ledger when it was closed.';
COMMENT ON COLUMN accounting_period.sha256 IS 'Of the closing balances, a line for each account.';

CREATE TABLE period_balance (
    period_id  bigint NOT NULL REFERENCES accounting_period,
    account_id bigint NOT NULL REFERENCES ledger_account,
    amount     numeric(38, 9) NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (period_id, account_id)
);
COMMENT ON COLUMN period_balance.amount IS 'Debits less credits of everything booked up to the end of the period.';

-- Balances after a number of the ledger, so that those of any moment are a few thousand postings away from a known one.
CREATE TABLE balance_checkpoint (
    seq            bigint PRIMARY KEY CHECK (seq > 0),
    recorded_from  timestamptz NOT NULL,
    recorded_until timestamptz NOT NULL,
    booked_from    date NOT NULL,
    booked_until   date NOT NULL
);
COMMENT ON COLUMN balance_checkpoint.recorded_from IS 'The earliest moment of an entry since the checkpoint before.';
COMMENT ON COLUMN balance_checkpoint.recorded_until IS 'The latest moment of any entry up to this number.';
COMMENT ON COLUMN balance_checkpoint.booked_from IS 'The earliest day of an entry since the checkpoint before.';
COMMENT ON COLUMN balance_checkpoint.booked_until IS 'The latest day on which any entry up to this number is booked.';
CREATE TABLE checkpoint_balance (
    seq        bigint NOT NULL REFERENCES balance_checkpoint,
    account_id bigint NOT NULL,
    amount     numeric(38, 9) NOT NULL,
    PRIMARY KEY (seq, account_id)
);

CREATE TRIGGER accounting_period_append_only BEFORE UPDATE OR DELETE ON accounting_period
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER accounting_period_no_truncate BEFORE TRUNCATE ON accounting_period
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER period_balance_append_only BEFORE UPDATE OR DELETE ON period_balance
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER period_balance_no_truncate BEFORE TRUNCATE ON period_balance
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Periods follow each other.
CREATE FUNCTION check_period_follows() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    closed_to date := (SELECT max(ends_on) FROM accounting_period);
BEGIN
    IF NEW.starts_on <> closed_to + 1 THEN
        RAISE EXCEPTION 'the period after % begins on the next day', closed_to
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'accounting_period_follows';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER accounting_period_follows BEFORE INSERT ON accounting_period
    FOR EACH ROW EXECUTE FUNCTION check_period_follows();

CREATE TRIGGER entry_is_booked BEFORE INSERT ON entry FOR EACH ROW EXECUTE FUNCTION book_entry();

-- What stretches of the ledger after a checkpoint say, added to it: the numbers after `p_base` up to `p_reach`, and those after
-- `p_tail`, of entries booked by a day and recorded by a moment.
CREATE FUNCTION add_balances_v1(p_base bigint, p_reach bigint, p_tail bigint, p_day date, p_moment timestamptz)
RETURNS TABLE (account_id bigint, amount numeric)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT u.account_id, sum(u.amount) FROM (
        SELECT c.account_id, c.amount FROM checkpoint_balance c WHERE c.seq = p_base
         UNION ALL
        SELECT p.account_id, p.amount
          FROM (SELECT entry_id FROM ledger_seq WHERE seq > p_base AND seq <= p_reach
                 UNION ALL
                SELECT entry_id FROM ledger_seq WHERE seq > greatest(p_tail, p_reach, p_base)) s
          JOIN entry e ON e.id = s.entry_id JOIN posting p ON p.entry_id = e.id
         WHERE booked_day(e.booked_on, e.happened_at) <= p_day AND e.recorded_at <= p_moment) u
     GROUP BY u.account_id HAVING sum(u.amount) <> 0
$$;

-- Balances of everything booked up to the end of a day, as far as it is numbered: debits less credits. Stretches between two
-- checkpoints that have no entry so early are passed over; what came after the last one is always looked at.
CREATE FUNCTION balances_of_day_v1(p_day date) RETURNS TABLE (account_id bigint, amount numeric)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    base bigint := coalesce((SELECT max(seq) FROM balance_checkpoint WHERE booked_until <= p_day), 0);
    reach bigint := coalesce((SELECT max(seq) FROM balance_checkpoint WHERE booked_from <= p_day), 0);
    tail bigint := coalesce((SELECT max(seq) FROM balance_checkpoint), 0);
BEGIN
    RETURN QUERY SELECT account_id, amount FROM add_balances_v1(base, greatest(reach, base), tail, p_day, 'infinity');
END $$;

-- Balances as the books told them at a moment: of every numbered entry that was recorded up to then; found likewise.
CREATE FUNCTION balances_at_v1(p_moment timestamptz) RETURNS TABLE (account_id bigint, amount numeric)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    base bigint := coalesce((SELECT max(seq) FROM balance_checkpoint WHERE recorded_until <= p_moment), 0);
    reach bigint := coalesce((SELECT max(seq) FROM balance_checkpoint WHERE recorded_from <= p_moment), 0);
    tail bigint := coalesce((SELECT max(seq) FROM balance_checkpoint), 0);
BEGIN
    RETURN QUERY SELECT account_id, amount FROM add_balances_v1(base, greatest(reach, base), tail, 'infinity', p_moment);
END $$;

-- Keep the balances of another stretch of the ledger once it is `p_every` entries long; gives how many stretches were kept.
CREATE FUNCTION keep_checkpoints_v1(p_every int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    here bigint;
    made int := 0;
    last balance_checkpoint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('balance_checkpoint'));
    SELECT * INTO last FROM balance_checkpoint ORDER BY seq DESC LIMIT 1;
    last.seq := coalesce(last.seq, 0);
    WHILE made < 10 AND EXISTS (SELECT 1 FROM ledger_seq WHERE seq = last.seq + p_every) LOOP
        here := last.seq + p_every;
        INSERT INTO balance_checkpoint (seq, recorded_from, recorded_until, booked_from, booked_until)
        SELECT here, min(e.recorded_at), greatest(max(e.recorded_at), last.recorded_until),
               min(booked_day(e.booked_on, e.happened_at)), greatest(max(booked_day(e.booked_on, e.happened_at)), last.booked_until)
          FROM ledger_seq s JOIN entry e ON e.id = s.entry_id WHERE s.seq > last.seq AND s.seq <= here;
        INSERT INTO checkpoint_balance (seq, account_id, amount)
        SELECT here, b.account_id, b.amount
          FROM add_balances_v1(last.seq, here, 9223372036854775807, 'infinity', 'infinity') b;
        SELECT * INTO last FROM balance_checkpoint WHERE seq = here;
        made := made + 1;
    END LOOP;
    RETURN made;
END $$;

-- The balances at the end of a day as one digest: a line for each account, in the order of codes.
CREATE FUNCTION balances_digest_v1(p_day date) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT encode(sha256(convert_to(coalesce(string_agg(a.code || ' ' || b.amount::numeric(38, 9)::text, E'\n' ORDER BY a.code), ''),
                                    'UTF8')), 'hex')
      FROM balances_of_day_v1(p_day) b JOIN ledger_account a ON a.id = b.account_id
$$;

-- Close the books up to the end of a day, as a second person approved it: exactly these balances. Everything booked up to then
-- has to be numbered. A repeat under the same approval answers the period that was closed.
CREATE FUNCTION close_period_v1(p_uid uuid, p_approval bigint, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    given approval;
    first_day date;
    last_day date;
    head ledger_seq;
    made bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('accounting_period'));
    SELECT id INTO made FROM accounting_period WHERE approval_id = p_approval;
    IF FOUND THEN
        RETURN made;
    END IF;
    SELECT * INTO given FROM approval WHERE id = p_approval AND kind = 'close_period' AND state = 'APPROVED';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'approval % does not let a period be closed', p_approval
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'accounting_period_is_approved';
    END IF;
    first_day := (given.canonical::jsonb ->> 'starts_on')::date;
    last_day := (given.canonical::jsonb ->> 'ends_on')::date;
    IF EXISTS (SELECT 1 FROM entry e
                WHERE e.cluster = ledger_cluster() AND e.xid >= coalesce((SELECT xid FROM ledger_cursor), '0'::xid8)
                  AND booked_day(e.booked_on, e.happened_at) <= last_day
                  AND NOT EXISTS (SELECT 1 FROM ledger_seq s WHERE s.entry_id = e.id)) THEN
        RAISE EXCEPTION 'entries are not numbered yet'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'accounting_period_is_numbered';
    ELSIF balances_digest_v1(last_day) IS DISTINCT FROM given.canonical::jsonb ->> 'balances_sha256' THEN
        RAISE EXCEPTION 'the balances are not those that were approved'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'accounting_period_as_approved';
    END IF;
    SELECT * INTO head FROM ledger_seq ORDER BY seq DESC LIMIT 1;
    INSERT INTO accounting_period (uid, starts_on, ends_on, last_seq, chain, sha256, approval_id, closed_at)
    VALUES (p_uid, first_day, last_day, head.seq, head.chain, given.canonical::jsonb ->> 'balances_sha256', p_approval, p_at)
    RETURNING id INTO made;
    INSERT INTO period_balance (period_id, account_id, amount)
    SELECT made, b.account_id, b.amount FROM balances_of_day_v1(last_day) b;
    RETURN made;
END $$;

DO $$
DECLARE
    f regprocedure;
BEGIN
    -- Stretches of the ledger are read by index whatever the planner last heard of the tables.
    FOR f IN SELECT oid FROM pg_proc WHERE pronamespace = 'public'::regnamespace AND proname = 'add_balances_v1' LOOP
        EXECUTE format('ALTER FUNCTION %s SET enable_seqscan = off', f);
        EXECUTE format('ALTER FUNCTION %s SET enable_mergejoin = off', f);
        EXECUTE format('ALTER FUNCTION %s SET enable_hashjoin = off', f);
    END LOOP;
END $$;

REVOKE ALL ON accounting_period, period_balance, balance_checkpoint, checkpoint_balance FROM PUBLIC, :app_role;
GRANT SELECT ON accounting_period, period_balance, balance_checkpoint, checkpoint_balance TO :app_role;
REVOKE ALL ON FUNCTION add_balances_v1, balances_of_day_v1, balances_at_v1, keep_checkpoints_v1, balances_digest_v1, close_period_v1
  FROM PUBLIC;
GRANT EXECUTE ON FUNCTION balances_of_day_v1, balances_at_v1, keep_checkpoints_v1, balances_digest_v1, close_period_v1 TO :app_role;
