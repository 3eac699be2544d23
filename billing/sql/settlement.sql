-- Settlement: what providers have earned, counted up to a number of the ledger, agreed to by two people, and paid out.

INSERT INTO account_purpose (purpose, prefix, category, owned) VALUES
    ('WITHHOLDING_TAX', 'liability:withholding_tax', 'LIABILITY', false),
    ('PAYOUT_FEE',      'income:payout_fee',         'INCOME',    false)
ON CONFLICT DO NOTHING;

-- How often a provider is paid; it chooses. Holds no money.
CREATE TABLE IF NOT EXISTS payout_schedule (
    organization_id bigint PRIMARY KEY REFERENCES accounts_organization,
    every           text NOT NULL,
    chosen_at       timestamptz NOT NULL,
    CONSTRAINT payout_schedule_is_sound CHECK (every IN ('DAILY', 'WEEKLY', 'MONTHLY'))
);

-- What the platform asks for in a currency: the least it pays out, what a payout costs the provider, and how long and how
-- much of a new provider's earnings it keeps back. Chosen by operators; a batch keeps what it was reckoned with.
CREATE TABLE IF NOT EXISTS payout_term (
    currency   text PRIMARY KEY REFERENCES currency,
    minimum    numeric(38, 9) NOT NULL DEFAULT 0,
    fee        numeric(38, 9) NOT NULL DEFAULT 0,
    held_days  int NOT NULL DEFAULT 0,
    held_max   numeric(38, 9),
    changed_at timestamptz NOT NULL,
    CONSTRAINT payout_term_is_sound CHECK (
        least(minimum, fee, held_days, held_max) >= 0 AND greatest(minimum, fee, held_max) < 'Infinity')
);
COMMENT ON COLUMN payout_term.held_days IS 'Days since a provider''s first earning in the currency for which its earnings are kept back.';
COMMENT ON COLUMN payout_term.held_max IS 'The most that is kept back of one provider; NULL for all of it.';

CREATE TABLE IF NOT EXISTS settlement_batch (
    id             bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid            uuid NOT NULL UNIQUE,
    period         text NOT NULL,
    currency       text NOT NULL REFERENCES currency,
    entity         text NOT NULL REFERENCES booking_entity,
    cutoff_seq     bigint NOT NULL,
    minimum        numeric(38, 9) NOT NULL,
    fee            numeric(38, 9) NOT NULL,
    held_days      int NOT NULL,
    held_max       numeric(38, 9),
    state          text NOT NULL DEFAULT 'DRAFT',
    content_sha256 text,
    drafted_at     timestamptz NOT NULL,
    prepared_by    uuid REFERENCES accounts_user (uid),
    prepared_at    timestamptz,
    approved_by    uuid REFERENCES accounts_user (uid),
    approved_at    timestamptz,
    started_at     timestamptz,
    ended_at       timestamptz,
    note           text NOT NULL DEFAULT '',
    CONSTRAINT settlement_by_two CHECK (approved_by IS NULL OR approved_by IS DISTINCT FROM prepared_by),
    CONSTRAINT settlement_batch_is_sound CHECK (
        cutoff_seq >= 0 AND period <> ''
        AND (prepared_by IS NULL) = (prepared_at IS NULL) AND (approved_by IS NULL) = (approved_at IS NULL)
        AND CASE state
            WHEN 'DRAFT' THEN num_nonnulls(content_sha256, prepared_by, approved_by, started_at, ended_at) = 0
            WHEN 'SUBMITTED' THEN num_nulls(content_sha256, prepared_by) = 0 AND num_nonnulls(approved_by, started_at, ended_at) = 0
            WHEN 'APPROVED' THEN num_nulls(content_sha256, prepared_by, approved_by) = 0 AND num_nonnulls(started_at, ended_at) = 0
            WHEN 'EXECUTING' THEN num_nulls(content_sha256, prepared_by, approved_by, started_at) = 0 AND ended_at IS NULL
            WHEN 'DONE' THEN num_nulls(content_sha256, prepared_by, approved_by, started_at, ended_at) = 0
            WHEN 'VOID' THEN ended_at IS NOT NULL AND started_at IS NULL
            ELSE false END)
);
-- A second one would count the same money again.
CREATE UNIQUE INDEX IF NOT EXISTS settlement_one_open ON settlement_batch (currency, entity)
    WHERE state IN ('DRAFT', 'SUBMITTED', 'APPROVED', 'EXECUTING');

CREATE TABLE IF NOT EXISTS settlement_item (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    batch_id        bigint NOT NULL,
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    account_id      bigint NOT NULL REFERENCES ledger_account,
    from_seq        bigint NOT NULL,
    opening         numeric(38, 9) NOT NULL,
    balance         numeric(38, 9) NOT NULL,
    charges         bigint NOT NULL DEFAULT 0,
    held_before     numeric(38, 9) NOT NULL DEFAULT 0,
    held            numeric(38, 9) NOT NULL DEFAULT 0,
    released        numeric(38, 9) NOT NULL DEFAULT 0,
    withholding_bps int NOT NULL DEFAULT 0,
    tax             numeric(38, 9) NOT NULL DEFAULT 0,
    fee             numeric(38, 9) NOT NULL DEFAULT 0,
    amount          numeric(38, 9) NOT NULL DEFAULT 0,
    carried         numeric(38, 9) NOT NULL,
    minimum         numeric(38, 9) NOT NULL DEFAULT 0,
    rail            text NOT NULL DEFAULT '',
    method_id       bigint,
    refusal         text NOT NULL DEFAULT 'NOT_RECKONED',
    outcome         text,
    entries         bigint[] NOT NULL DEFAULT '{}',
    done_at         timestamptz,
    UNIQUE (batch_id, account_id),
    CONSTRAINT settlement_item_is_sound CHECK (
        least(held, released, tax, fee, amount, held_before - released) >= 0
        AND carried = balance + released - held - tax - fee - amount
        AND greatest(balance, released, held, tax, fee, amount) < 'Infinity'
        AND (amount > 0) = (refusal = '') AND (amount > 0 OR tax + fee = 0)
        AND withholding_bps BETWEEN 0 AND 10000 AND (amount = 0 OR rail <> '')
        AND (outcome IS NULL) = (done_at IS NULL)
        AND coalesce(outcome, 'PAID_OUT') IN ('PAID_OUT', 'CARRIED', 'STOPPED', 'SHORT'))
);
CREATE INDEX IF NOT EXISTS settlement_item_account ON settlement_item (account_id, batch_id DESC);
CREATE INDEX IF NOT EXISTS settlement_item_due ON settlement_item (batch_id) WHERE outcome IS NULL;
COMMENT ON COLUMN settlement_item.opening IS 'The payable at the last settlement''s cutoff, from_seq; the lines lead from there to the balance.';

-- What happened on the payable account between the two cutoffs, by kind of entry; charges tell gross, fee and overrun apart.
CREATE TABLE IF NOT EXISTS settlement_line (
    item_id bigint NOT NULL,
    kind    text NOT NULL,
    count   bigint NOT NULL,
    amount  numeric(38, 9) NOT NULL,
    PRIMARY KEY (item_id, kind)
);

-- What it is was copied from its item, and its trigger compares the two.
CREATE TABLE IF NOT EXISTS payout (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE,
    item_id         bigint NOT NULL UNIQUE,
    batch_id        bigint NOT NULL,
    organization_id bigint NOT NULL,
    account_id      bigint NOT NULL,
    currency        text NOT NULL,
    entity          text NOT NULL,
    amount          numeric(38, 9) NOT NULL,
    tax             numeric(38, 9) NOT NULL,
    rail            text NOT NULL,
    method_id       bigint,
    state           text NOT NULL DEFAULT 'PLANNED',
    external_id     text UNIQUE,
    clearing        text,
    reason          text NOT NULL DEFAULT '',
    planned_at      timestamptz NOT NULL,
    sent_at         timestamptz,
    paid_at         timestamptz,
    ended_at        timestamptz,
    CONSTRAINT payout_is_sound CHECK (
        amount > 0 AND tax >= 0 AND greatest(amount, tax) < 'Infinity' AND rail <> ''
        AND (state IN ('SENT', 'IN_TRANSIT', 'PAID')) <= (sent_at IS NOT NULL)
        AND (paid_at IS NULL) = (clearing IS NULL)
        AND CASE state
            WHEN 'PLANNED' THEN num_nonnulls(external_id, sent_at, paid_at, ended_at) = 0
            WHEN 'SENT' THEN num_nonnulls(paid_at, ended_at) = 0
            WHEN 'IN_TRANSIT' THEN num_nonnulls(paid_at, ended_at) = 0
            WHEN 'PAID' THEN paid_at IS NOT NULL AND ended_at IS NULL
            WHEN 'RETURNED' THEN sent_at IS NOT NULL AND ended_at IS NOT NULL AND reason <> ''
            WHEN 'FAILED' THEN paid_at IS NULL AND ended_at IS NOT NULL AND reason <> ''
            ELSE false END)
);
CREATE INDEX IF NOT EXISTS payout_organization ON payout (organization_id, id DESC);
CREATE INDEX IF NOT EXISTS payout_open ON payout (state, rail, id) WHERE state IN ('PLANNED', 'SENT', 'IN_TRANSIT');

-- Each step of a payout, for ever.
CREATE TABLE IF NOT EXISTS payout_step (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    payout_id   bigint NOT NULL,
    state       text NOT NULL,
    rail        text NOT NULL,
    external_id text,
    reason      text NOT NULL DEFAULT '',
    actor       text NOT NULL,
    entry_id    bigint UNIQUE REFERENCES entry,
    happened_at timestamptz NOT NULL,
    noted_at    timestamptz NOT NULL
);
CREATE INDEX IF NOT EXISTS payout_step_payout ON payout_step (payout_id, id);
