-- What two people decide: one prepares, another approves exactly that content.
--
-- The content is kept as the text that was hashed. Its hash is checked here, never changes, and is what is approved: an
-- approval of anything else, or by whoever prepared it, is refused whatever the program says.

CREATE TABLE IF NOT EXISTS approval (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE,
    kind            text NOT NULL,
    subject         text NOT NULL,
    canonical       text NOT NULL,
    sha256          text NOT NULL,
    state           text NOT NULL DEFAULT 'PENDING',
    prepared_by     uuid NOT NULL REFERENCES accounts_user (uid),
    prepared_at     timestamptz NOT NULL,
    approved_by     uuid REFERENCES accounts_user (uid),
    approved_sha256 text,
    approved_at     timestamptz,
    ended_by        uuid REFERENCES accounts_user (uid),
    ended_at        timestamptz,
    note            text NOT NULL DEFAULT '',
    CONSTRAINT approval_is_named CHECK (kind ~ '^[a-z_]{3,40}$' AND length(subject) BETWEEN 1 AND 200),
    CONSTRAINT approval_hashes_content CHECK (sha256 = encode(sha256(convert_to(canonical, 'UTF8')), 'hex')),
    CONSTRAINT approval_by_two CHECK (approved_by IS DISTINCT FROM prepared_by),
    CONSTRAINT approval_of_content CHECK (approved_sha256 = sha256),
    CONSTRAINT approval_is_sound CHECK (
        num_nonnulls(approved_by, approved_sha256, approved_at) IN (0, 3) AND CASE state
            WHEN 'PENDING' THEN approved_by IS NULL AND ended_at IS NULL AND ended_by IS NULL
            WHEN 'APPROVED' THEN approved_by IS NOT NULL AND ended_at IS NULL AND ended_by IS NULL
            WHEN 'REJECTED' THEN approved_by IS NULL AND ended_at IS NOT NULL AND ended_by IS NOT NULL
            WHEN 'VOID' THEN ended_at IS NOT NULL
            ELSE false END)
);
-- Of one thing at most one content is open or approved; asking with another voids the one before.
CREATE UNIQUE INDEX IF NOT EXISTS approval_one_open ON approval (kind, subject) WHERE state IN ('PENDING', 'APPROVED');

CREATE OR REPLACE FUNCTION keep_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.uid, NEW.kind, NEW.subject, NEW.canonical, NEW.sha256, NEW.prepared_by, NEW.prepared_at)
       IS DISTINCT FROM (OLD.id, OLD.uid, OLD.kind, OLD.subject, OLD.canonical, OLD.sha256, OLD.prepared_by, OLD.prepared_at)
       OR (OLD.approved_by IS NOT NULL AND (NEW.approved_by, NEW.approved_sha256, NEW.approved_at)
           IS DISTINCT FROM (OLD.approved_by, OLD.approved_sha256, OLD.approved_at))
       OR (OLD.state = 'PENDING' AND NEW.state = 'VOID' AND NEW.approved_by IS NOT NULL)
       OR NOT (OLD.state = 'PENDING' OR OLD.state = 'APPROVED' AND NEW.state = 'VOID') THEN
        RAISE EXCEPTION 'approval % keeps what was prepared and decided', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'approval_history';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER approval_history BEFORE UPDATE ON approval FOR EACH ROW EXECUTE FUNCTION keep_approval();
CREATE OR REPLACE TRIGGER approval_kept BEFORE DELETE ON approval FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER approval_no_truncate BEFORE TRUNCATE ON approval FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Ask for an approval. What is open with the same content is answered again; with another content it becomes void first.
CREATE OR REPLACE FUNCTION request_approval_v1(
    p_uid uuid, p_kind text, p_subject text, p_canonical text, p_by uuid, p_at timestamptz
) RETURNS TABLE (approval_id bigint, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    LOOP
        UPDATE approval SET state = 'VOID', ended_by = p_by, ended_at = p_at, note = 'The content changed.'
         WHERE kind = p_kind AND subject = p_subject AND state IN ('PENDING', 'APPROVED') AND canonical <> p_canonical;
        INSERT INTO approval (uid, kind, subject, canonical, sha256, prepared_by, prepared_at)
        VALUES (p_uid, p_kind, p_subject, p_canonical, encode(sha256(convert_to(p_canonical, 'UTF8')), 'hex'), p_by, p_at)
        ON CONFLICT (kind, subject) WHERE state IN ('PENDING', 'APPROVED') DO NOTHING RETURNING id INTO approval_id;
        is_new := FOUND;
        IF NOT is_new THEN
            SELECT id INTO approval_id FROM approval
             WHERE kind = p_kind AND subject = p_subject AND state IN ('PENDING', 'APPROVED') AND canonical = p_canonical;
        END IF;
        -- Somebody else asked with another content in between: that is void now.
        EXIT WHEN approval_id IS NOT NULL;
    END LOOP;
    RETURN NEXT;
END $$;

-- Decide: APPROVED or REJECTED while it is pending, VOID also when it was approved. Answers whether it was done: the
-- second of two who decide at once is too late.
CREATE OR REPLACE FUNCTION decide_approval_v1(
    p_approval bigint, p_state text, p_sha256 text, p_by uuid, p_note text, p_at timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF p_state = 'APPROVED' THEN
        UPDATE approval SET state = p_state, approved_by = p_by, approved_sha256 = p_sha256, approved_at = p_at, note = p_note
         WHERE id = p_approval AND state = 'PENDING';
    ELSE
        UPDATE approval SET state = p_state, ended_by = p_by, ended_at = p_at, note = p_note
         WHERE id = p_approval AND (state = 'PENDING' OR state = 'APPROVED' AND p_state = 'VOID');
    END IF;
    RETURN FOUND;
END $$;

REVOKE ALL ON approval FROM PUBLIC, :app_role;
GRANT SELECT ON approval TO :app_role;
REVOKE ALL ON FUNCTION request_approval_v1, decide_approval_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION request_approval_v1, decide_approval_v1 TO :app_role;
