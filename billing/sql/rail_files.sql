-- Files that tell a bank, a signer or a person what to pay: made once for each payout, seen by two, kept as they were.

-- The account that a rail pays from, in each currency: what a file says of the payer.
CREATE TABLE IF NOT EXISTS payer_account (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    rail       text NOT NULL,
    currency   text NOT NULL REFERENCES currency,
    details    jsonb NOT NULL,
    changed_at timestamptz NOT NULL,
    CONSTRAINT payer_account_once UNIQUE (rail, currency),
    CONSTRAINT payer_account_is_sound CHECK (rail <> '' AND jsonb_typeof(details) = 'object')
);

CREATE TABLE IF NOT EXISTS rail_file (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid         uuid NOT NULL UNIQUE,
    rail        text NOT NULL,
    currency    text NOT NULL REFERENCES currency,
    name        text NOT NULL,
    media_type  text NOT NULL,
    sha256      text NOT NULL,
    content     bytea NOT NULL,
    key_id      text NOT NULL,
    payer       jsonb NOT NULL,
    payments    int NOT NULL,
    total       numeric(38, 9) NOT NULL,
    state       text NOT NULL DEFAULT 'MADE',
    made_by     uuid NOT NULL REFERENCES accounts_user (uid),
    made_at     timestamptz NOT NULL,
    sent_by     uuid REFERENCES accounts_user (uid),
    sent_at     timestamptz,
    external_id text UNIQUE,
    voided_at   timestamptz,
    note        text NOT NULL DEFAULT '',
    CONSTRAINT rail_file_is_sound CHECK (
        sha256 ~ '^[0-9a-f]{64}$' AND length(content) > 0 AND payments > 0 AND total > 0 AND total < 'Infinity'
        AND num_nonnulls(sent_by, sent_at) IN (0, 2) AND CASE state
            WHEN 'MADE' THEN num_nonnulls(sent_at, voided_at, external_id) = 0
            WHEN 'SENT' THEN sent_at IS NOT NULL AND voided_at IS NULL
            WHEN 'VOID' THEN num_nonnulls(sent_at, external_id) = 0 AND voided_at IS NOT NULL
            ELSE false END)
);
COMMENT ON COLUMN rail_file.content IS 'Encrypted: it names accounts of payees.';
COMMENT ON COLUMN rail_file.external_id IS 'What confirmed it as a whole: the transaction of a batch. One confirms one file.';

-- Written by one function, for files and payouts that never go away.
CREATE TABLE IF NOT EXISTS rail_file_payout (
    file_id   bigint NOT NULL,
    payout_id bigint NOT NULL,
    live      boolean NOT NULL DEFAULT true,
    PRIMARY KEY (file_id, payout_id)
);
-- A payout in two files would be paid twice.
CREATE UNIQUE INDEX IF NOT EXISTS rail_file_payout_once ON rail_file_payout (payout_id) WHERE live;

-- What came back, stored before anything follows from it.
CREATE TABLE IF NOT EXISTS rail_answer (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    file_id     bigint NOT NULL REFERENCES rail_file,
    sha256      text NOT NULL,
    content     bytea NOT NULL,
    received_by uuid,
    received_at timestamptz NOT NULL,
    CONSTRAINT rail_answer_once UNIQUE (file_id, sha256),
    CONSTRAINT rail_answer_is_sound CHECK (sha256 = encode(sha256(content), 'hex'))
);
CREATE OR REPLACE TRIGGER rail_answer_append_only BEFORE UPDATE OR DELETE ON rail_answer
    FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE OR REPLACE FUNCTION keep_rail_file() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.uid, NEW.rail, NEW.currency, NEW.name, NEW.media_type, NEW.sha256, NEW.content, NEW.payer, NEW.payments, NEW.total,
        NEW.made_by, NEW.made_at)
       IS DISTINCT FROM (OLD.id, OLD.uid, OLD.rail, OLD.currency, OLD.name, OLD.media_type, OLD.sha256, OLD.content, OLD.payer,
        OLD.payments, OLD.total, OLD.made_by, OLD.made_at)
       OR OLD.state = 'VOID' OR OLD.state = 'SENT' AND NEW.state <> 'SENT'
       OR OLD.external_id IS NOT NULL AND NEW.external_id IS DISTINCT FROM OLD.external_id THEN
        RAISE EXCEPTION 'file % stays what it is', OLD.id USING ERRCODE = 'restrict_violation', CONSTRAINT = 'rail_file_history';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER rail_file_history BEFORE UPDATE ON rail_file FOR EACH ROW EXECUTE FUNCTION keep_rail_file();
CREATE OR REPLACE TRIGGER rail_file_kept BEFORE DELETE ON rail_file FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A payout that a file tells somebody to pay goes by no other way, and is not given back, unless the file is void.
CREATE OR REPLACE FUNCTION hold_filed_payout() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF EXISTS (SELECT 1 FROM rail_file_payout p JOIN rail_file f ON f.id = p.file_id
                WHERE p.payout_id = OLD.id AND p.live
                  AND ((NEW.rail, NEW.method_id) IS DISTINCT FROM (OLD.rail, OLD.method_id) OR f.state = 'MADE')) THEN
        RAISE EXCEPTION 'payout % is in a file', OLD.id USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_in_file';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER payout_in_file BEFORE UPDATE ON payout FOR EACH ROW
    WHEN ((NEW.rail, NEW.method_id) IS DISTINCT FROM (OLD.rail, OLD.method_id) OR NEW.state IN ('FAILED', 'RETURNED'))
    EXECUTE FUNCTION hold_filed_payout();

-- Keep a file for payouts that are planned, by this rail, in this currency, and of this sum; they are locked first, so that
-- none of them goes elsewhere meanwhile. Raises restrict_violation if one of them is not so, or in a file already.
CREATE OR REPLACE FUNCTION make_rail_file_v1(
    p_uid uuid, p_rail text, p_currency text, p_name text, p_media_type text, p_sha256 text, p_content bytea, p_key_id text, p_payer jsonb,
    p_payouts uuid[], p_total numeric, p_by uuid, p_at timestamptz
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    made bigint;
    found_payouts bigint[];
    found_total numeric;
BEGIN
    PERFORM 1 FROM payout WHERE uid = ANY (p_payouts) ORDER BY id FOR NO KEY UPDATE;
    SELECT array_agg(id), sum(amount) INTO found_payouts, found_total FROM payout
     WHERE uid = ANY (p_payouts) AND state = 'PLANNED' AND rail = p_rail AND currency = p_currency;
    IF coalesce(cardinality(found_payouts), 0) <> cardinality(p_payouts) OR found_total <> p_total THEN
        RAISE EXCEPTION 'not all of these payouts wait for this rail'
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'rail_file_payouts_wait';
    END IF;
    INSERT INTO rail_file (uid, rail, currency, name, media_type, sha256, content, key_id, payer, payments, total, made_by, made_at)
    VALUES (p_uid, p_rail, p_currency, p_name, p_media_type, p_sha256, p_content, p_key_id, p_payer, cardinality(p_payouts), p_total,
            p_by, p_at) RETURNING id INTO made;
    INSERT INTO rail_file_payout (file_id, payout_id) SELECT made, unnest(found_payouts);
    RETURN made;
END $$;

-- Note that it was handed over: only with an approval of exactly this content, by somebody who did not make it.
CREATE OR REPLACE FUNCTION send_rail_file_v1(p_file bigint, p_by uuid, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE rail_file f SET state = 'SENT', sent_by = p_by, sent_at = p_at
     WHERE f.id = p_file AND f.state = 'MADE'
       AND EXISTS (SELECT 1 FROM approval a
                    WHERE a.kind = 'payout_file' AND a.subject = f.uid::text AND a.state = 'APPROVED' AND a.prepared_by = f.made_by
                      AND a.canonical::jsonb ->> 'sha256' = f.sha256);
    RETURN FOUND OR EXISTS (SELECT 1 FROM rail_file WHERE id = p_file AND state = 'SENT');
END $$;

-- Throw it away before it was handed over; its payouts may be told to somebody else.
CREATE OR REPLACE FUNCTION void_rail_file_v1(p_file bigint, p_note text, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE rail_file SET state = 'VOID', voided_at = p_at, note = p_note WHERE id = p_file AND state = 'MADE';
    IF FOUND THEN
        UPDATE rail_file_payout SET live = false WHERE file_id = p_file;
        RETURN true;
    END IF;
    RETURN false;
END $$;

-- What confirmed the whole of it, once. Raises unique_violation (rail_file_external_id_key) if that confirmed another file.
CREATE OR REPLACE FUNCTION confirm_rail_file_v1(p_file bigint, p_external_id text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE rail_file SET external_id = p_external_id WHERE id = p_file AND state = 'SENT' AND external_id IS DISTINCT FROM p_external_id
$$;

REVOKE ALL ON rail_file, rail_file_payout, payer_account, rail_answer FROM PUBLIC, :app_role;
GRANT SELECT ON rail_file, rail_file_payout TO :app_role;
GRANT SELECT, INSERT ON rail_answer TO :app_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON payer_account TO :app_role;
REVOKE ALL ON FUNCTION make_rail_file_v1, send_rail_file_v1, void_rail_file_v1, confirm_rail_file_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION make_rail_file_v1, send_rail_file_v1, void_rail_file_v1, confirm_rail_file_v1 TO :app_role;
