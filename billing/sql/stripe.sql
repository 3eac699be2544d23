-- Money that comes in through Stripe: what was asked for, what Stripe told, and the entries that followed.
--
-- An intent is a row of its own before Stripe is called, and its outcome is written after: a crash in between leaves a row
-- that the sweeper finishes. Rows carry the number of their entry; what money hangs on cannot be said without one.

INSERT INTO account_purpose (purpose, prefix, category, owned) VALUES
    ('STRIPE_PENDING',     'asset:stripe_pending',        'ASSET',     false),
    ('STRIPE_FEE',         'expense:stripe_fee',          'EXPENSE',   false),
    ('DISPUTE_RECEIVABLE', 'asset:dispute_receivable',    'ASSET',     false),
    ('DISPUTE_LOSS',       'expense:dispute_loss',        'EXPENSE',   false),
    ('FROZEN',             'liability:frozen',            'LIABILITY', true),
    ('RESERVE',            'liability:reserve',           'LIABILITY', true),
    ('REFUND_IN_TRANSIT',  'liability:refund_in_transit', 'LIABILITY', true)
ON CONFLICT DO NOTHING;

-- The inbox: every event is stored before anything is done about it, once for ever.
CREATE TABLE IF NOT EXISTS stripe_event (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id    text NOT NULL UNIQUE,
    type        text NOT NULL,
    api_version text NOT NULL,
    account     text NOT NULL,
    object_id   text NOT NULL,
    happened_at timestamptz NOT NULL,
    received_at timestamptz NOT NULL,
    payload     jsonb NOT NULL,
    state       text NOT NULL DEFAULT 'NEW',
    attempts    integer NOT NULL DEFAULT 0,
    next_at     timestamptz NOT NULL,
    handled_at  timestamptz,
    error       text NOT NULL DEFAULT '',
    CONSTRAINT stripe_event_is_sound CHECK (
        state IN ('NEW', 'HANDLED', 'LEFT', 'FAILED') AND (state IN ('HANDLED', 'LEFT')) = (handled_at IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS stripe_event_due ON stripe_event (next_at) WHERE state = 'NEW';
CREATE INDEX IF NOT EXISTS stripe_event_failed ON stripe_event (id) WHERE state = 'FAILED';

-- What may be paid in, by currency. `new_*` is for organizations whose first payment is younger than a week.
CREATE TABLE IF NOT EXISTS stripe_terms (
    currency             text PRIMARY KEY REFERENCES currency,
    methods              text[] NOT NULL,
    least                numeric(38, 9) NOT NULL,
    most                 numeric(38, 9) NOT NULL,
    day_most             numeric(38, 9) NOT NULL,
    new_day_most         numeric(38, 9) NOT NULL,
    reserve_bps          integer NOT NULL,
    elevated_reserve_bps integer NOT NULL,
    reserve_days         integer NOT NULL,
    CONSTRAINT stripe_terms_is_sound CHECK (
        methods <@ '{CARD,ALIPAY,WECHAT_PAY,STABLECOIN}' AND ('STABLECOIN' <> ALL (methods) OR currency = 'USD') AND currency <> 'XTS'
        AND 0 < least AND least <= most AND most <= day_most AND least <= new_day_most AND new_day_most <= day_most AND day_most < 'Infinity'
        AND reserve_bps BETWEEN 0 AND elevated_reserve_bps AND elevated_reserve_bps <= 10000 AND reserve_days BETWEEN 0 AND 365)
);

CREATE TABLE IF NOT EXISTS stripe_customer (
    organization_id bigint PRIMARY KEY REFERENCES accounts_organization,
    customer_id     text UNIQUE,
    asked_at        timestamptz NOT NULL
);

-- One payment into a wallet. PAID is said with the entry that credited it, and never taken back.
CREATE TABLE IF NOT EXISTS stripe_top_up (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid               uuid NOT NULL UNIQUE,
    organization_id   bigint NOT NULL REFERENCES accounts_organization,
    request_key       text,
    origin            text NOT NULL,
    method            text NOT NULL,
    currency          text NOT NULL REFERENCES stripe_terms,
    amount            numeric(38, 9) NOT NULL,
    saves_method      boolean NOT NULL DEFAULT false,
    return_url        text NOT NULL DEFAULT '',
    actor             text NOT NULL,
    state             text NOT NULL DEFAULT 'CREATED',
    created_at        timestamptz NOT NULL,
    follow_at         timestamptz,
    session_id        text UNIQUE,
    page_url          text NOT NULL DEFAULT '',
    payment_intent_id text UNIQUE,
    charge_id         text UNIQUE,
    risk_level        text NOT NULL DEFAULT '',
    risk_score        integer,
    failure           text NOT NULL DEFAULT '',
    paid_at           timestamptz,
    entry_id          bigint UNIQUE REFERENCES entry,
    reserved          numeric(38, 9) NOT NULL DEFAULT 0,
    reserve_ends_at   timestamptz,
    release_entry_id  bigint REFERENCES entry,
    UNIQUE (organization_id, request_key),
    CONSTRAINT stripe_top_up_is_sound CHECK (
        origin IN ('CHECKOUT', 'RECHARGE') AND method IN ('CARD', 'ALIPAY', 'WECHAT_PAY', 'STABLECOIN')
        AND state IN ('CREATED', 'OPEN', 'PAID', 'FAILED', 'EXPIRED')
        AND amount > 0 AND amount < 'Infinity' AND reserved BETWEEN 0 AND amount
        AND (state = 'PAID') = (entry_id IS NOT NULL) AND (entry_id IS NULL) = (paid_at IS NULL)
        AND (entry_id IS NULL OR payment_intent_id IS NOT NULL)
        AND (entry_id IS NOT NULL OR reserved = 0) AND (release_entry_id IS NULL OR reserved > 0))
);
CREATE INDEX IF NOT EXISTS stripe_top_up_organization ON stripe_top_up (organization_id, created_at);
CREATE INDEX IF NOT EXISTS stripe_top_up_due ON stripe_top_up (follow_at) WHERE follow_at IS NOT NULL;
CREATE INDEX IF NOT EXISTS stripe_top_up_reserved ON stripe_top_up (reserve_ends_at) WHERE reserved > 0 AND release_entry_id IS NULL;
-- Of one wallet at most one automatic payment is on its way.
CREATE UNIQUE INDEX IF NOT EXISTS stripe_top_up_one_recharge ON stripe_top_up (organization_id, currency)
    WHERE origin = 'RECHARGE' AND state IN ('CREATED', 'OPEN');

CREATE OR REPLACE FUNCTION keep_stripe_top_up() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF (NEW.id, NEW.uid, NEW.organization_id, NEW.origin, NEW.currency, NEW.amount)
       IS DISTINCT FROM (OLD.id, OLD.uid, OLD.organization_id, OLD.origin, OLD.currency, OLD.amount)
       OR (OLD.state = 'PAID' AND (NEW.state, NEW.entry_id, NEW.payment_intent_id, NEW.paid_at, NEW.reserved)
           IS DISTINCT FROM (OLD.state, OLD.entry_id, OLD.payment_intent_id, OLD.paid_at, OLD.reserved))
       OR (OLD.release_entry_id IS NOT NULL AND NEW.release_entry_id IS DISTINCT FROM OLD.release_entry_id) THEN
        RAISE EXCEPTION 'top-up % keeps what was asked for and paid', OLD.id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'stripe_top_up_history';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER stripe_top_up_history BEFORE UPDATE ON stripe_top_up FOR EACH ROW EXECUTE FUNCTION keep_stripe_top_up();
CREATE OR REPLACE TRIGGER stripe_top_up_kept BEFORE DELETE ON stripe_top_up FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Stripe's own account with us, mirrored. A movement is booked in the transaction that mirrors it; `entry_id` is empty where
-- another part of the books tells it (transfers and payouts) or where it moves nothing.
CREATE TABLE IF NOT EXISTS stripe_balance_transaction (
    id                 text PRIMARY KEY,
    type               text NOT NULL,
    reporting_category text NOT NULL,
    source             text NOT NULL,
    currency           text NOT NULL REFERENCES currency,
    amount             numeric(38, 9) NOT NULL,
    fee                numeric(38, 9) NOT NULL,
    net                numeric(38, 9) NOT NULL,
    exchange_rate      text NOT NULL,
    happened_at        timestamptz NOT NULL,
    available_at       timestamptz NOT NULL,
    mirrored_at        timestamptz NOT NULL,
    raw                jsonb NOT NULL,
    entry_id           bigint UNIQUE REFERENCES entry,
    available_entry_id bigint UNIQUE REFERENCES entry,
    CONSTRAINT stripe_balance_transaction_is_sound CHECK (
        net = amount - fee AND net < 'Infinity' AND (available_entry_id IS NULL OR entry_id IS NOT NULL))
);
CREATE INDEX IF NOT EXISTS stripe_balance_transaction_source ON stripe_balance_transaction (source);
CREATE INDEX IF NOT EXISTS stripe_balance_transaction_pending ON stripe_balance_transaction (available_at)
    WHERE entry_id IS NOT NULL AND available_entry_id IS NULL AND net <> 0;

CREATE OR REPLACE FUNCTION keep_stripe_mirror() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF TG_OP = 'UPDATE' AND OLD.available_entry_id IS NULL
       AND to_jsonb(NEW) - 'available_entry_id' = to_jsonb(OLD) - 'available_entry_id' THEN
        RETURN NEW;
    END IF;
    RAISE EXCEPTION 'what Stripe told is append-only' USING ERRCODE = 'restrict_violation', CONSTRAINT = 'stripe_mirror_kept';
END $$;
CREATE OR REPLACE TRIGGER stripe_mirror_kept BEFORE UPDATE OR DELETE ON stripe_balance_transaction
    FOR EACH ROW EXECUTE FUNCTION keep_stripe_mirror();

-- Unused money on its way back. The wallet is debited with the row; what failed was given back by a second entry.
CREATE TABLE IF NOT EXISTS stripe_refund (
    id           bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid          uuid NOT NULL UNIQUE,
    top_up_id    bigint NOT NULL REFERENCES stripe_top_up,
    amount       numeric(38, 9) NOT NULL,
    reason       text NOT NULL,
    actor        text NOT NULL,
    state        text NOT NULL DEFAULT 'REQUESTED',
    requested_at timestamptz NOT NULL,
    follow_at    timestamptz,
    refund_id    text UNIQUE,
    failure      text NOT NULL DEFAULT '',
    entry_id     bigint NOT NULL UNIQUE REFERENCES entry,
    back_entry_id bigint UNIQUE REFERENCES entry,
    CONSTRAINT stripe_refund_is_sound CHECK (
        amount > 0 AND amount < 'Infinity' AND state IN ('REQUESTED', 'SENT', 'SUCCEEDED', 'FAILED')
        AND (state = 'FAILED') = (back_entry_id IS NOT NULL)
        AND (refund_id IS NOT NULL OR state IN ('REQUESTED', 'FAILED')))
);
CREATE INDEX IF NOT EXISTS stripe_refund_top_up ON stripe_refund (top_up_id);
CREATE INDEX IF NOT EXISTS stripe_refund_due ON stripe_refund (follow_at) WHERE follow_at IS NOT NULL;

CREATE TABLE IF NOT EXISTS stripe_dispute (
    id         text PRIMARY KEY,
    top_up_id  bigint NOT NULL REFERENCES stripe_top_up,
    amount     numeric(38, 9) NOT NULL,
    reason     text NOT NULL,
    status     text NOT NULL,
    state      text NOT NULL,
    opened_at  timestamptz NOT NULL,
    ended_at   timestamptz,
    frozen     numeric(38, 9) NOT NULL DEFAULT 0,
    freeze_entry_id bigint UNIQUE REFERENCES entry,
    end_entry_id    bigint UNIQUE REFERENCES entry,
    CONSTRAINT stripe_dispute_is_sound CHECK (
        amount > 0 AND amount < 'Infinity' AND frozen BETWEEN 0 AND amount AND (frozen > 0) = (freeze_entry_id IS NOT NULL)
        AND state IN ('INQUIRY', 'OPEN', 'WON', 'LOST') AND (state IN ('WON', 'LOST')) = (ended_at IS NOT NULL)
        AND (state <> 'LOST' OR end_entry_id IS NOT NULL) AND (end_entry_id IS NULL OR ended_at IS NOT NULL)
        AND (state <> 'WON' OR (frozen > 0) = (end_entry_id IS NOT NULL)))
);
CREATE INDEX IF NOT EXISTS stripe_dispute_top_up ON stripe_dispute (top_up_id);

-- A wallet that is filled by itself, with the payment method that was saved for it.
CREATE TABLE IF NOT EXISTS stripe_recharge (
    id                bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid               uuid NOT NULL UNIQUE,
    organization_id   bigint NOT NULL REFERENCES accounts_organization,
    currency          text NOT NULL REFERENCES stripe_terms,
    threshold         numeric(38, 9) NOT NULL,
    amount            numeric(38, 9) NOT NULL,
    day_most          numeric(38, 9) NOT NULL,
    month_most        numeric(38, 9) NOT NULL,
    payment_method_id text,
    method_name       text NOT NULL DEFAULT '',
    state             text NOT NULL,
    reason            text NOT NULL DEFAULT '',
    failures          integer NOT NULL DEFAULT 0,
    changed_at        timestamptz NOT NULL,
    UNIQUE (organization_id, currency),
    CONSTRAINT stripe_recharge_is_sound CHECK (
        state IN ('ACTIVE', 'PAUSED', 'OFF') AND 0 <= threshold AND 0 < amount AND amount <= day_most AND day_most <= month_most
        AND month_most < 'Infinity' AND (state <> 'ACTIVE' OR payment_method_id IS NOT NULL))
);

-- How far the sweeper has read a list of Stripe's.
CREATE TABLE IF NOT EXISTS stripe_cursor (
    name     text PRIMARY KEY,
    swept_to timestamptz NOT NULL
);

-- Lock a wallet and tell what of it is free; balances are the last to be locked.
CREATE OR REPLACE FUNCTION lock_wallet_v1(p_account bigint) RETURNS numeric
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    free numeric;
BEGIN
    SELECT posted - held - floor INTO free FROM scope WHERE account_id = p_account FOR NO KEY UPDATE;
    RETURN free;
END $$;

REVOKE ALL ON stripe_event, stripe_terms, stripe_customer, stripe_top_up, stripe_balance_transaction, stripe_refund, stripe_dispute,
    stripe_recharge, stripe_cursor FROM PUBLIC, :app_role;
GRANT SELECT ON stripe_event, stripe_terms, stripe_customer, stripe_top_up, stripe_balance_transaction, stripe_refund,
    stripe_dispute, stripe_recharge, stripe_cursor TO :app_role;
GRANT INSERT ON stripe_event, stripe_customer, stripe_top_up, stripe_balance_transaction, stripe_refund, stripe_dispute,
    stripe_recharge, stripe_cursor TO :app_role;
GRANT UPDATE (state, attempts, next_at, handled_at, error) ON stripe_event TO :app_role;
GRANT UPDATE (customer_id) ON stripe_customer TO :app_role;
GRANT UPDATE (state, follow_at, session_id, page_url, payment_intent_id, charge_id, risk_level, risk_score, failure, paid_at, entry_id,
    reserved, reserve_ends_at, release_entry_id) ON stripe_top_up TO :app_role;
GRANT UPDATE (available_entry_id) ON stripe_balance_transaction TO :app_role;
GRANT UPDATE (state, follow_at, refund_id, failure, back_entry_id) ON stripe_refund TO :app_role;
GRANT UPDATE (status, state, ended_at, frozen, freeze_entry_id, end_entry_id) ON stripe_dispute TO :app_role;
GRANT UPDATE (threshold, amount, day_most, month_most, payment_method_id, method_name, state, reason, failures, changed_at)
    ON stripe_recharge TO :app_role;
GRANT UPDATE (swept_to) ON stripe_cursor TO :app_role;
GRANT UPDATE (methods, least, most, day_most, new_day_most, reserve_bps, elevated_reserve_bps, reserve_days) ON stripe_terms TO :app_role;
REVOKE ALL ON FUNCTION lock_wallet_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION lock_wallet_v1 TO :app_role;
