-- Papers that organizations hand in for checks, and their tax numbers. Both are kept encrypted by keys that the database never sees.
--
-- Nothing about a paper or a number changes but the key that it is encrypted with.
CREATE TABLE IF NOT EXISTS compliance_document (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE,
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    -- Counts an organization's papers: no more than there are numbers.
    number          int NOT NULL,
    name            text NOT NULL,
    kind            text NOT NULL,
    size            int NOT NULL,
    sha256          text NOT NULL,
    content         bytea NOT NULL,
    key_id          text NOT NULL,
    added_by        uuid,
    added_at        timestamptz NOT NULL,
    CONSTRAINT compliance_document_few CHECK (number BETWEEN 1 AND 100),
    CONSTRAINT compliance_document_counted UNIQUE (organization_id, number),
    CONSTRAINT compliance_document_once UNIQUE (organization_id, sha256),
    CONSTRAINT compliance_document_name CHECK (length(name) BETWEEN 1 AND 100 AND name !~ '[[:cntrl:]/\\]'),
    CONSTRAINT compliance_document_kind CHECK (kind IN ('image/png', 'image/jpeg', 'application/pdf')),
    CONSTRAINT compliance_document_size CHECK (size BETWEEN 1 AND 5000000),
    CONSTRAINT compliance_document_sha256 CHECK (sha256 ~ '^[0-9a-f]{64}$'),
    -- Fernet's tokens begin so; what does not is no ciphertext.
    CONSTRAINT compliance_document_sealed CHECK (substring(content FROM 1 FOR 5) = 'gAAAA' AND octet_length(content) > size AND key_id <> '')
);
COMMENT ON COLUMN compliance_document.content IS 'Encrypted; sha256 and size are of what was handed in.';

-- No hash of it stands anywhere: numbers can be tried one by one.
CREATE TABLE IF NOT EXISTS tax_number (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE,
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    hint            text NOT NULL,
    content         bytea NOT NULL,
    key_id          text NOT NULL,
    added_by        uuid,
    added_at        timestamptz NOT NULL,
    CONSTRAINT tax_number_hint CHECK (hint ~ '^…[[:alnum:]]{0,4}$'),
    CONSTRAINT tax_number_sealed CHECK (substring(content FROM 1 FOR 5) = 'gAAAA' AND key_id <> '')
);

CREATE OR REPLACE TRIGGER compliance_document_kept
    BEFORE UPDATE OF id, uid, organization_id, number, name, kind, size, sha256, added_by, added_at OR DELETE ON compliance_document
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER compliance_document_no_truncate BEFORE TRUNCATE ON compliance_document
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER tax_number_kept
    BEFORE UPDATE OF id, uid, organization_id, hint, added_by, added_at OR DELETE ON tax_number
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER tax_number_no_truncate BEFORE TRUNCATE ON tax_number FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- A check names a tax number by its end alone. Rows of before are put right by the migration that loads this.
ALTER TABLE compliance_step DROP CONSTRAINT IF EXISTS compliance_step_no_tax_number;
ALTER TABLE compliance_step ADD CONSTRAINT compliance_step_no_tax_number CHECK (
    NOT jsonb_path_exists(evidence, '$[*].text ? (@ like_regex "^\\s*tax number\\s*:\\s*[^\\s…]" flag "i")')) NOT VALID;
COMMENT ON COLUMN compliance_step.evidence IS
    'What was handed in: texts, names and hashes of papers (compliance_document), ends of tax numbers (tax_number).';

REVOKE ALL ON compliance_document, tax_number FROM PUBLIC, :app_role;
GRANT SELECT, INSERT, UPDATE (content, key_id) ON compliance_document, tax_number TO :app_role;
