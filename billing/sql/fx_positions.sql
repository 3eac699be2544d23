-- What the platform's positions cost, and what was gained by closing them. Told from the ledger in the order of its numbers.
--
-- The books are kept in US dollars: a leg in them is worth itself, the other leg of an exchange what that leg is worth, and of an
-- exchange between two other currencies one leg is worth its rate at that moment. The values of an entry's legs sum to zero, so the
-- book values of all positions do too, once the gains are posted.

CREATE TABLE fx_position (
    account_id bigint PRIMARY KEY REFERENCES ledger_account,
    amount     numeric(38, 9) NOT NULL,
    book_value numeric(38, 9) NOT NULL,
    CONSTRAINT fx_position_is_sound CHECK (greatest(abs(amount), abs(book_value)) < 'Infinity' AND (amount <> 0 OR book_value = 0))
);
COMMENT ON COLUMN fx_position.amount IS 'Positive where the platform is long.';
COMMENT ON COLUMN fx_position.book_value IS 'What was paid for it in US dollars, at the average of what came in.';

CREATE TABLE fx_leg (
    entry_id      bigint NOT NULL REFERENCES entry,
    account_id    bigint NOT NULL REFERENCES ledger_account,
    day           date NOT NULL,
    amount        numeric(38, 9) NOT NULL CHECK (amount <> 0),
    value         numeric(38, 9) NOT NULL,
    book          numeric(38, 9) NOT NULL,
    gain          numeric(38, 9) NOT NULL,
    gain_entry_id bigint REFERENCES entry,
    PRIMARY KEY (entry_id, account_id),
    CONSTRAINT fx_leg_adds_up CHECK (book = value + gain)
);
COMMENT ON COLUMN fx_leg.book IS 'By how much it changed the book value.';
COMMENT ON COLUMN fx_leg.gain_entry_id IS 'What posted the gain, with others of the same day; NULL if they came to nothing together.';
CREATE INDEX fx_leg_day ON fx_leg (account_id, day);

CREATE TABLE fx_cursor (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    seq      bigint NOT NULL
);

CREATE TRIGGER fx_leg_append_only BEFORE UPDATE OF entry_id, account_id, day, amount, value, book, gain OR DELETE ON fx_leg
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fx_leg_no_truncate BEFORE TRUNCATE ON fx_leg FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Move one position by a leg; whoever tells positions holds the cursor's lock. What closes it takes its share of the book value with it, and the difference is the gain.
CREATE FUNCTION move_position_v1(p_entry bigint, p_account bigint, p_day date, p_amount numeric, p_value numeric) RETURNS void
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    held fx_position;
    closed_book numeric(38, 9) := 0;
    closed_value numeric(38, 9) := 0;
    gained numeric(38, 9);
    in_dollars boolean := (SELECT currency = 'USD' FROM ledger_account WHERE id = p_account);
BEGIN
    INSERT INTO fx_position (account_id, amount, book_value) VALUES (p_account, 0, 0) ON CONFLICT DO NOTHING;
    SELECT * INTO held FROM fx_position WHERE account_id = p_account;
    IF NOT in_dollars AND sign(held.amount) = -sign(p_amount) THEN
        IF abs(p_amount) < abs(held.amount) THEN
            closed_book := round_half_even(held.book_value * abs(p_amount) * 1.0000000000000000000000000000000000000000
                                           / abs(held.amount), 9);
            closed_value := p_value;
        ELSE
            closed_book := held.book_value;
            closed_value := round_half_even(p_value * abs(held.amount) * 1.0000000000000000000000000000000000000000
                                            / abs(p_amount), 9);
        END IF;
    END IF;
    gained := -(closed_value + closed_book);
    UPDATE fx_position SET amount = amount + p_amount, book_value = book_value + p_value + gained WHERE account_id = p_account;
    INSERT INTO fx_leg (entry_id, account_id, day, amount, value, book, gain)
    VALUES (p_entry, p_account, p_day, p_amount, p_value, p_value + gained, gained);
END $$;

-- Follow the ledger by at most `p_limit` numbers; returns how many entries moved positions, NULL if there is nothing to follow.
-- Gains of a run are posted for each entity and day.
CREATE FUNCTION follow_positions_v1(p_limit int) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last_seq bigint;
    next_seq bigint;
    e record;
    leg record;
    rest numeric;
    worth numeric;
    moved int := 0;
    posted bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('fx_cursor'));
    SELECT coalesce(max(seq), 0) INTO last_seq FROM fx_cursor;
    SELECT max(seq) INTO next_seq FROM ledger_seq;
    IF next_seq IS NULL OR next_seq <= last_seq THEN
        RETURN NULL;
    END IF;
    next_seq := least(next_seq, last_seq + p_limit);
    FOR e IN
        SELECT s.seq, x.id, x.happened_at, booked_day(x.booked_on, x.happened_at) AS day
          FROM ledger_seq s JOIN entry x ON x.id = s.entry_id
         WHERE s.seq > last_seq AND s.seq <= next_seq
           AND EXISTS (SELECT 1 FROM posting p JOIN ledger_account a ON a.id = p.account_id
                        WHERE p.entry_id = s.entry_id AND a.purpose = 'FX_POSITION')
         ORDER BY s.seq
    LOOP
        rest := 0;
        -- The last leg is worth what the others leave: never dollars, best one of which nobody knows a rate, else what was
        -- given away.
        FOR leg IN
            SELECT a.id, a.currency, -sum(p.amount) AS amount, r.rate,
                   a.currency <> 'USD' AND row_number() OVER (
                       ORDER BY a.currency = 'USD', r.rate IS NOT NULL, -sum(p.amount) > 0, a.id) = 1 AS is_last
              FROM posting p JOIN ledger_account a ON a.id = p.account_id AND a.purpose = 'FX_POSITION'
              LEFT JOIN LATERAL find_rate_v1('USD', a.currency, e.happened_at) r ON a.currency <> 'USD'
             WHERE p.entry_id = e.id GROUP BY a.id, a.currency, r.rate HAVING sum(p.amount) <> 0
             ORDER BY is_last, a.id
        LOOP
            IF leg.currency = 'USD' THEN
                worth := leg.amount;
            ELSIF leg.is_last THEN
                worth := -rest;
            ELSIF leg.rate IS NULL THEN
                RAISE EXCEPTION 'nobody says what % was worth in US dollars at %', leg.currency, e.happened_at
                    USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_rate_known';
            ELSE
                worth := round_half_even(leg.amount * leg.rate, 9);
            END IF;
            rest := rest + worth;
            PERFORM move_position_v1(e.id, leg.id, e.day, leg.amount, worth);
        END LOOP;
        moved := moved + 1;
    END LOOP;
    FOR leg IN
        SELECT a.entity, l.day, sum(l.gain) AS gain, min(s.seq) AS first_seq, max(s.seq) AS last_seq, max(x.happened_at) AS at
          FROM ledger_seq s JOIN fx_leg l ON l.entry_id = s.entry_id JOIN entry x ON x.id = s.entry_id
          JOIN ledger_account a ON a.id = l.account_id
         WHERE s.seq > last_seq AND s.seq <= next_seq
         GROUP BY a.entity, l.day HAVING sum(l.gain) <> 0 ORDER BY a.entity, l.day
    LOOP
        posted := post_gain_v1('FX_GAIN', leg.entity, leg.gain,
                               format('fx_gain:%s:%s:%s', leg.entity, leg.day, leg.first_seq), leg.at);
        UPDATE fx_leg l SET gain_entry_id = posted
          FROM ledger_seq s, ledger_account a
         WHERE s.seq BETWEEN leg.first_seq AND leg.last_seq AND l.entry_id = s.entry_id AND a.id = l.account_id
           AND a.entity = leg.entity AND l.day = leg.day AND l.gain <> 0;
    END LOOP;
    INSERT INTO fx_cursor (seq) VALUES (next_seq) ON CONFLICT (only_one) DO UPDATE SET seq = EXCLUDED.seq;
    RETURN moved;
END $$;

-- One entry over what a position gained (or lost) in US dollars.
CREATE FUNCTION post_gain_v1(p_purpose text, p_entity text, p_gain numeric, p_key text, p_at timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    SELECT p.entry_id FROM (
        SELECT array_agg(x.account ORDER BY x.account) AS legs, array_agg(x.part ORDER BY x.account) AS parts
          FROM (VALUES (account_v2('FX_POSITION', 'USD', p_entity), p_gain), (account_v2(p_purpose, 'USD', p_entity), -p_gain))
               AS x(account, part)) y
     CROSS JOIN LATERAL post_v1(p_key, p_purpose, 'system:fx', '', p_at, y.legs, y.parts) p
$$;

-- What positions were worth at the end of a day, beside what they cost: posted on that day, and undone on the next.
CREATE TABLE fx_revaluation (
    day        date NOT NULL,
    account_id bigint NOT NULL REFERENCES ledger_account,
    amount     numeric(38, 9) NOT NULL,
    book_value numeric(38, 9) NOT NULL,
    rate       numeric(38, 18) NOT NULL CHECK (0 < rate AND rate < 'Infinity'),
    source     text NOT NULL,
    rate_at    timestamptz NOT NULL,
    value      numeric(38, 9) NOT NULL,
    entry_id   bigint REFERENCES entry,
    PRIMARY KEY (day, account_id)
);
COMMENT ON COLUMN fx_revaluation.entry_id IS 'What posted the difference of the entity''s positions; NULL if there was none.';
CREATE TRIGGER fx_revaluation_append_only
    BEFORE UPDATE OF day, account_id, amount, book_value, rate, source, rate_at, value OR DELETE ON fx_revaluation FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER fx_revaluation_no_truncate BEFORE TRUNCATE ON fx_revaluation
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Revalue every position as of the end of a day (of UTC) that is over; a repeat does nothing. Returns how many there were.
CREATE FUNCTION revalue_positions_v1(p_day date, p_at timestamptz) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    day_end timestamptz := (p_day + 1)::timestamp AT TIME ZONE 'UTC';
    followed bigint;
    valued int;
    unknown text;
    books record;
    posted bigint;
BEGIN
    PERFORM pg_advisory_xact_lock(hashtext('fx_cursor'));
    SELECT coalesce(max(seq), 0) INTO followed FROM fx_cursor;
    IF day_end > p_at OR p_day <= (SELECT max(ends_on) FROM accounting_period) THEN
        RAISE EXCEPTION 'day % is not over, or closed', p_day
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_revaluation_in_time';
    ELSIF EXISTS (SELECT 1 FROM fx_revaluation WHERE day = p_day) THEN
        RETURN 0;
    ELSIF EXISTS (SELECT 1 FROM entry x
                   WHERE x.cluster = ledger_cluster() AND x.xid >= coalesce((SELECT xid FROM ledger_cursor), '0'::xid8)
                     AND booked_day(x.booked_on, x.happened_at) <= p_day
                     AND NOT EXISTS (SELECT 1 FROM ledger_seq s WHERE s.entry_id = x.id))
       OR EXISTS (SELECT 1 FROM ledger_seq s JOIN entry x ON x.id = s.entry_id
                   WHERE s.seq > followed AND booked_day(x.booked_on, x.happened_at) <= p_day) THEN
        RAISE EXCEPTION 'positions of % are not known yet', p_day
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_revaluation_followed';
    END IF;
    SELECT a.currency INTO unknown
      FROM fx_leg l JOIN ledger_account a ON a.id = l.account_id
     WHERE l.day <= p_day AND a.currency <> 'USD' AND NOT EXISTS (SELECT 1 FROM find_rate_v1('USD', a.currency, day_end))
     GROUP BY a.id, a.currency HAVING sum(l.amount) <> 0 LIMIT 1;
    IF FOUND THEN
        RAISE EXCEPTION 'nobody says what % was worth in US dollars at %', unknown, day_end
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'fx_rate_known';
    END IF;
    INSERT INTO fx_revaluation (day, account_id, amount, book_value, rate, source, rate_at, value)
    SELECT p_day, t.id, t.amount, t.book, r.rate, r.source, r.as_of, round_half_even(t.amount * r.rate, 9)
      FROM (SELECT a.id, a.currency, sum(l.amount) AS amount, sum(l.book) AS book
              FROM fx_leg l JOIN ledger_account a ON a.id = l.account_id
             WHERE l.day <= p_day AND a.currency <> 'USD' GROUP BY a.id, a.currency HAVING sum(l.amount) <> 0) t
     CROSS JOIN LATERAL find_rate_v1('USD', t.currency, day_end) r;
    GET DIAGNOSTICS valued = ROW_COUNT;
    FOR books IN
        SELECT a.entity, sum(v.value - v.book_value) AS gain FROM fx_revaluation v JOIN ledger_account a ON a.id = v.account_id
         WHERE v.day = p_day GROUP BY a.entity HAVING sum(v.value - v.book_value) <> 0 ORDER BY a.entity
    LOOP
        posted := post_gain_v1('FX_REVALUATION', books.entity, books.gain, format('fx_revaluation:%s:%s', books.entity, p_day),
                               day_end - interval '1 microsecond');
        PERFORM 1 FROM entry x CROSS JOIN LATERAL post_v1(
            'reversal:' || posted, 'REVERSAL', 'system:fx', '', day_end,
            x.accounts, (SELECT array_agg(-u.part ORDER BY u.n) FROM unnest(x.amounts) WITH ORDINALITY u(part, n)), posted) p
          WHERE x.id = posted;
        UPDATE fx_revaluation v SET entry_id = posted FROM ledger_account a
         WHERE v.day = p_day AND a.id = v.account_id AND a.entity = books.entity;
    END LOOP;
    RETURN valued;
END $$;

REVOKE ALL ON fx_position, fx_leg, fx_cursor, fx_revaluation FROM PUBLIC, :app_role;
GRANT SELECT ON fx_position, fx_leg, fx_cursor, fx_revaluation TO :app_role;
REVOKE ALL ON FUNCTION move_position_v1, follow_positions_v1, post_gain_v1, revalue_positions_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION follow_positions_v1, revalue_positions_v1 TO :app_role;
