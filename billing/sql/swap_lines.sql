-- Money that a bank lends in one currency up to a limit, until a position is closed in earnest.

CREATE TABLE swap_line (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid          uuid NOT NULL UNIQUE,
    counterparty text NOT NULL,
    currency     text NOT NULL REFERENCES currency,
    ceiling      numeric(38, 9) NOT NULL,
    drawn        numeric(38, 9) NOT NULL DEFAULT 0,
    opened_at    timestamptz NOT NULL,
    closed_at    timestamptz,
    CONSTRAINT swap_line_is_sound CHECK (
        counterparty <> '' AND 0 < ceiling AND ceiling < 'Infinity' AND (closed_at IS NULL OR drawn = 0)),
    CONSTRAINT swap_line_within_limit CHECK (0 <= drawn AND drawn <= ceiling)
);

CREATE TABLE swap_movement (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    line_id  bigint NOT NULL REFERENCES swap_line,
    amount   numeric(38, 9) NOT NULL CHECK (amount <> 0 AND abs(amount) < 'Infinity'),
    entry_id bigint NOT NULL UNIQUE REFERENCES entry,
    moved_at timestamptz NOT NULL
);
COMMENT ON COLUMN swap_movement.amount IS 'Positive for what was drawn, negative for what was paid back.';
CREATE TRIGGER swap_movement_append_only BEFORE UPDATE OR DELETE ON swap_movement
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER swap_movement_no_truncate BEFORE TRUNCATE ON swap_movement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE FUNCTION open_swap_line_v1(p_uid uuid, p_counterparty text, p_currency text, p_ceiling numeric, p_at timestamptz)
RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO swap_line (uid, counterparty, currency, ceiling, opened_at)
    VALUES (p_uid, p_counterparty, p_currency, p_ceiling, p_at) RETURNING id
$$;

-- Another limit, or (NULL) the end of a line that is paid back.
CREATE FUNCTION change_swap_line_v1(p_line bigint, p_ceiling numeric, p_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE swap_line SET ceiling = coalesce(p_ceiling, ceiling), closed_at = CASE WHEN p_ceiling IS NULL THEN p_at END
     WHERE id = p_line AND closed_at IS NULL
$$;

-- Draw from a line (+) or pay back (-), once for each reference; a repeat answers the first entry.
CREATE FUNCTION move_swap_v1(p_line bigint, p_amount numeric, p_reference text, p_actor text, p_at timestamptz)
RETURNS TABLE (entry_id bigint, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    line swap_line;
    bank bigint;
    owed bigint;
BEGIN
    SELECT * INTO line FROM swap_line WHERE id = p_line;
    bank := account_v1('CLEARING_BANK', NULL, line.currency);
    owed := account_v1('SWAP_LINE', NULL, line.currency);
    SELECT p.entry_id, p.is_new INTO entry_id, is_new FROM post_v1(
        format('swap:%s:%s', line.uid, p_reference), 'SWAP', p_actor, p_reference, p_at,
        ARRAY[least(bank, owed), greatest(bank, owed)],
        CASE WHEN bank < owed THEN ARRAY[p_amount, -p_amount] ELSE ARRAY[-p_amount, p_amount] END) p;
    IF is_new THEN
        -- The row's own rules refuse too much, too little, and what is closed.
        UPDATE swap_line SET drawn = drawn + p_amount WHERE id = p_line;
        INSERT INTO swap_movement (line_id, amount, entry_id, moved_at) VALUES (p_line, p_amount, entry_id, p_at);
    END IF;
    RETURN NEXT;
END $$;

REVOKE ALL ON swap_line, swap_movement FROM PUBLIC, :app_role;
GRANT SELECT ON swap_line, swap_movement TO :app_role;
REVOKE ALL ON FUNCTION open_swap_line_v1, change_swap_line_v1, move_swap_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION open_swap_line_v1, change_swap_line_v1, move_swap_v1 TO :app_role;
