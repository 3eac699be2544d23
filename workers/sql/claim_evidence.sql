-- Files that the two sides of a claim show, and who let a large credit pass.
--
-- A file never changes, belongs to a claim that waits for its decision, and each side has few of them.
CREATE TABLE IF NOT EXISTS claim_evidence (
    id       bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid      uuid NOT NULL UNIQUE,
    claim_id bigint NOT NULL REFERENCES answer_claim (id),
    side     text NOT NULL,
    name     text NOT NULL,
    kind     text NOT NULL,
    size     integer NOT NULL,
    sha256   text NOT NULL,
    content  bytea NOT NULL,
    added_at timestamptz NOT NULL,
    CONSTRAINT claim_evidence_side CHECK (side IN ('BUYER', 'PROVIDER')),
    CONSTRAINT claim_evidence_name CHECK (length(name) BETWEEN 1 AND 100 AND name !~ '[[:cntrl:]/\\]'),
    CONSTRAINT claim_evidence_kind CHECK (kind IN ('text/plain', 'application/json', 'image/png', 'image/jpeg', 'application/pdf')),
    CONSTRAINT claim_evidence_size CHECK (size = octet_length(content) AND size BETWEEN 1 AND 2000000),
    CONSTRAINT claim_evidence_sha256 CHECK (sha256 = encode(sha256(content), 'hex')),
    CONSTRAINT claim_evidence_once UNIQUE (claim_id, side, sha256)
);

CREATE OR REPLACE FUNCTION check_claim_evidence() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    waits boolean;
BEGIN
    -- Who adds to one claim takes turns: each counts what the other added.
    SELECT state IN ('OPEN', 'ANSWERED') INTO waits FROM answer_claim WHERE id = NEW.claim_id FOR NO KEY UPDATE;
    IF NOT waits OR (SELECT count(*) >= 5 FROM claim_evidence WHERE claim_id = NEW.claim_id AND side = NEW.side) THEN
        RAISE EXCEPTION 'claim % takes no more files of the %', NEW.claim_id, lower(NEW.side)
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'claim_evidence_few';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER claim_evidence_few BEFORE INSERT ON claim_evidence FOR EACH ROW EXECUTE FUNCTION check_claim_evidence();
CREATE OR REPLACE TRIGGER claim_evidence_kept BEFORE UPDATE OR DELETE ON claim_evidence FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER claim_evidence_no_truncate BEFORE TRUNCATE ON claim_evidence FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

REVOKE ALL ON claim_evidence FROM PUBLIC, :app_role;
GRANT SELECT, INSERT ON claim_evidence TO :app_role;

CREATE INDEX IF NOT EXISTS answer_claim_waiting ON answer_claim (id) WHERE state IN ('OPEN', 'ANSWERED');

-- A second person is named on a claim only with an approval of exactly this credit, asked for by who decided.
CREATE OR REPLACE FUNCTION check_claim_approval() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.approved_by_id IS NOT NULL AND NOT EXISTS (
        SELECT FROM approval a
          JOIN accounts_user p ON p.uid = a.prepared_by
          JOIN accounts_user s ON s.uid = a.approved_by
         WHERE a.kind = 'claim_credit' AND a.subject = NEW.uid::text AND a.state = 'APPROVED'
           AND p.id = NEW.decided_by_id AND s.id = NEW.approved_by_id
           AND (a.canonical::jsonb ->> 'credit')::numeric = NEW.credit AND a.canonical::jsonb ->> 'borne_by' = NEW.borne_by) THEN
        RAISE EXCEPTION 'nobody approved the credit of claim %', NEW.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'answer_claim_approved';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER answer_claim_approved BEFORE INSERT OR UPDATE ON answer_claim FOR EACH ROW EXECUTE FUNCTION check_claim_approval();
