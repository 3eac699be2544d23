-- Providers' accounts at Stripe as Stripe tells of them, and transfers to them.
--
-- A transfer is a row of its own, and its payout is SENT, before Stripe is called; the outcome is written after. A crash in
-- between leaves a row that is finished under the same key, or after looking for what was made.

CREATE TABLE IF NOT EXISTS connect_account (
    organization_id bigint PRIMARY KEY REFERENCES accounts_organization,
    country         text NOT NULL,
    account_id      text UNIQUE,
    state           text NOT NULL DEFAULT 'ASKED',
    missing         text[] NOT NULL DEFAULT '{}',
    reason          text NOT NULL DEFAULT '',
    asked_at        timestamptz NOT NULL,
    told_at         timestamptz,
    CONSTRAINT connect_account_is_sound CHECK (
        state IN ('ASKED', 'ONBOARDING', 'LACKING', 'CHECKING', 'READY', 'REJECTED') AND (state = 'ASKED') = (account_id IS NULL))
);

CREATE TABLE IF NOT EXISTS connect_transfer (
    payout_id      bigint PRIMARY KEY REFERENCES payout,
    account_id     text NOT NULL REFERENCES connect_account (account_id),
    state          text NOT NULL DEFAULT 'ASKED',
    asked_at       timestamptz NOT NULL,
    transfer_id    text UNIQUE,
    bank_payout_id text UNIQUE,
    reversal_id    text UNIQUE,
    reason         text NOT NULL DEFAULT '',
    CONSTRAINT connect_transfer_is_sound CHECK (
        state IN ('ASKED', 'REFUSED', 'MADE', 'LEFT', 'ARRIVED', 'FAILED', 'TAKEN_BACK')
        AND (state IN ('ASKED', 'REFUSED')) = (transfer_id IS NULL)
        AND (state NOT IN ('LEFT', 'ARRIVED') OR bank_payout_id IS NOT NULL)
        AND (state = 'TAKEN_BACK') = (reversal_id IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS connect_transfer_open ON connect_transfer (payout_id) WHERE state IN ('ASKED', 'MADE', 'FAILED');

CREATE OR REPLACE FUNCTION keep_connect_transfer() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.payout_id, NEW.account_id, NEW.asked_at) IS DISTINCT FROM (OLD.payout_id, OLD.account_id, OLD.asked_at)
       OR (OLD.transfer_id IS NOT NULL AND NEW.transfer_id IS DISTINCT FROM OLD.transfer_id)
       OR (OLD.state IN ('REFUSED', 'TAKEN_BACK') AND NEW.state <> OLD.state) THEN
        RAISE EXCEPTION 'transfer of payout % keeps what was asked for and made', OLD.payout_id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'connect_transfer_history';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER connect_transfer_history BEFORE UPDATE ON connect_transfer
    FOR EACH ROW EXECUTE FUNCTION keep_connect_transfer();

-- Take a payout that waits for this rail: locked, so that nobody lets it go by another one meanwhile. Answers whether it is ours.
CREATE OR REPLACE FUNCTION claim_connect_transfer_v1(p_payout uuid, p_account text, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    p payout;
BEGIN
    SELECT * INTO p FROM payout WHERE uid = p_payout FOR NO KEY UPDATE;
    IF p.id IS NULL OR p.state <> 'PLANNED' OR p.rail <> 'stripe_connect' THEN
        RETURN false;
    END IF;
    INSERT INTO connect_transfer (payout_id, account_id, asked_at) VALUES (p.id, p_account, p_at);
    RETURN true;
END $$;

REVOKE ALL ON connect_account, connect_transfer FROM PUBLIC, :app_role;
GRANT SELECT, INSERT, UPDATE ON connect_account TO :app_role;
GRANT SELECT, UPDATE ON connect_transfer TO :app_role;
REVOKE ALL ON FUNCTION claim_connect_transfer_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION claim_connect_transfer_v1 TO :app_role;
