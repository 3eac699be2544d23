-- Until when Stripe takes evidence about a dispute, how often it got some, and what was handed in here and by whom.
ALTER TABLE stripe_dispute
    ADD COLUMN IF NOT EXISTS due_by      timestamptz,
    ADD COLUMN IF NOT EXISTS submissions integer NOT NULL DEFAULT 0,
    ADD COLUMN IF NOT EXISTS evidence    text NOT NULL DEFAULT '',
    ADD COLUMN IF NOT EXISTS evidence_at timestamptz,
    ADD COLUMN IF NOT EXISTS evidence_by uuid REFERENCES accounts_user (uid),
    DROP CONSTRAINT IF EXISTS stripe_dispute_evidence,
    ADD CONSTRAINT stripe_dispute_evidence CHECK (
        submissions >= 0 AND length(evidence) <= 20000
        AND (evidence <> '') = (evidence_at IS NOT NULL) AND (evidence <> '') = (evidence_by IS NOT NULL));
GRANT UPDATE (due_by, submissions, evidence, evidence_at, evidence_by) ON stripe_dispute TO :app_role;
