-- The ledger: double entry, append-only, balanced in every currency.
--
-- Signs: a posting's amount is positive for a debit and negative for a credit. `normal` is +1 for accounts that grow by
-- debit (assets, expenses) and -1 for those that grow by credit, so `normal * sum(amount)` is a balance in its usual sense.

CREATE TABLE currency (
    code     text PRIMARY KEY CHECK (code ~ '^[A-Z]{3,5}$'),
    name     text NOT NULL,
    kind     text NOT NULL CHECK (kind IN ('FIAT', 'STABLECOIN')),
    exponent smallint NOT NULL CHECK (exponent BETWEEN 0 AND 9)
);
COMMENT ON COLUMN currency.exponent IS 'Decimal places in which the currency is paid out; the ledger itself keeps nine.';

-- CNY, CNH and USDC are currencies of their own: none of them is ever treated as another.
INSERT INTO currency (code, name, kind, exponent) VALUES
    ('CNY',  'Renminbi (onshore)',  'FIAT', 2),
    ('CNH',  'Renminbi (offshore)', 'FIAT', 2),
    ('USD',  'US dollar',           'FIAT', 2),
    ('EUR',  'Euro',                'FIAT', 2),
    ('HKD',  'Hong Kong dollar',    'FIAT', 2),
    ('JPY',  'Yen',                 'FIAT', 0),
    ('USDC', 'USD Coin',            'STABLECOIN', 6);

-- The chart of accounts. One row a purpose says what its accounts are; accounts are opened from it when first needed.
CREATE TABLE account_purpose (
    purpose  text PRIMARY KEY,
    prefix   text NOT NULL UNIQUE,
    category text NOT NULL CHECK (category IN ('ASSET', 'LIABILITY', 'INCOME', 'EXPENSE', 'EQUITY')),
    owned    boolean NOT NULL
);
COMMENT ON COLUMN account_purpose.owned IS 'Whether each organization has an account of its own for this purpose.';

INSERT INTO account_purpose (purpose, prefix, category, owned) VALUES
    ('WALLET',             'liability:wallet',             'LIABILITY', true),
    ('PAYABLE',            'liability:payable',            'LIABILITY', true),
    ('HELD_EARNINGS',      'liability:held_earnings',      'LIABILITY', true),
    ('TAX',                'liability:tax',                'LIABILITY', false),
    ('PAYOUT_IN_TRANSIT',  'liability:payout_in_transit',  'LIABILITY', false),
    ('SUSPENSE',           'liability:suspense',           'LIABILITY', false),
    ('CLEARING_STRIPE',    'asset:clearing_stripe',        'ASSET',     false),
    ('CLEARING_BANK',      'asset:clearing_bank',          'ASSET',     false),
    ('CLEARING_CHAIN',     'asset:clearing_chain',         'ASSET',     false),
    ('FX_POSITION',        'asset:fx_position',            'ASSET',     false),
    ('PLATFORM_FEE',       'income:platform_fee',          'INCOME',    false),
    ('FX_SPREAD',          'income:fx_spread',             'INCOME',    false),
    ('HEAT',               'income:heat',                  'INCOME',    false),
    ('OVERRUN',            'expense:overrun',              'EXPENSE',   false),
    ('PROMOTION',          'expense:promotion',            'EXPENSE',   false),
    ('SLA_CREDIT',         'expense:sla_credit',           'EXPENSE',   false),
    ('ROUNDING',           'expense:rounding',             'EXPENSE',   false),
    ('CAPITAL',            'equity:capital',               'EQUITY',    false);

CREATE TABLE ledger_account (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    code            text NOT NULL UNIQUE,
    purpose         text NOT NULL REFERENCES account_purpose,
    currency        text NOT NULL REFERENCES currency,
    category        text NOT NULL CHECK (category IN ('ASSET', 'LIABILITY', 'INCOME', 'EXPENSE', 'EQUITY')),
    normal          smallint NOT NULL GENERATED ALWAYS AS
                    (CASE WHEN category IN ('ASSET', 'EXPENSE') THEN 1 ELSE -1 END) STORED,
    organization_id bigint REFERENCES accounts_organization,
    created_at      timestamptz NOT NULL DEFAULT now(),
    closed_at       timestamptz,
    UNIQUE NULLS NOT DISTINCT (purpose, organization_id, currency)
);

-- A transaction id means something only inside the cluster that gave it: after a dump is restored elsewhere, the pair
-- (cluster, transaction) still tells old entries from new ones.
CREATE FUNCTION ledger_cluster() RETURNS bigint LANGUAGE sql STABLE AS $$
    SELECT (pg_catalog.pg_control_system()).system_identifier
$$;

CREATE TABLE entry (
    id          bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    key         text NOT NULL UNIQUE CHECK (length(key) BETWEEN 3 AND 200),
    fingerprint bytea NOT NULL CHECK (length(fingerprint) = 32),
    kind        text NOT NULL CHECK (kind ~ '^[A-Z_]{3,30}$'),
    actor       text NOT NULL,
    reason      text NOT NULL DEFAULT '',
    reverses    bigint UNIQUE REFERENCES entry,
    happened_at timestamptz NOT NULL,
    recorded_at timestamptz NOT NULL DEFAULT clock_timestamp(),
    cluster     bigint NOT NULL DEFAULT ledger_cluster(),
    xid         xid8 NOT NULL DEFAULT pg_current_xact_id()
);
-- The sequencer walks committed entries by transaction.
CREATE INDEX entry_xid ON entry (cluster, xid, id);

-- No foreign keys: they cost a third of batch throughput, and the statement trigger below checks both ends in one join.
CREATE TABLE posting (
    entry_id   bigint NOT NULL,
    seq        smallint NOT NULL,
    account_id bigint NOT NULL,
    currency   text NOT NULL,
    amount     numeric(38, 9) NOT NULL CHECK (amount <> 0),
    PRIMARY KEY (entry_id, seq)
) PARTITION BY RANGE (entry_id);
CREATE INDEX posting_account ON posting (account_id, entry_id);

-- Commit order is not id order. The sequencer numbers committed entries without gaps; every cutoff, fold and chain uses
-- this number only. `chain` is SHA-256 over the previous link and the entry with its postings.
CREATE TABLE ledger_seq (
    seq      bigint PRIMARY KEY CHECK (seq > 0),
    entry_id bigint NOT NULL UNIQUE REFERENCES entry,
    chain    bytea NOT NULL CHECK (length(chain) = 32)
);

CREATE TABLE ledger_cursor (
    only_one boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    cluster  bigint NOT NULL,
    xid      xid8 NOT NULL
);

-- The balance of accounts that nobody locks (payables, fees, clearing), folded up to a sequence number.
CREATE TABLE account_fold (
    account_id bigint PRIMARY KEY REFERENCES ledger_account,
    seq        bigint NOT NULL,
    amount     numeric(38, 9) NOT NULL
);

CREATE TABLE scope (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    kind            smallint NOT NULL CHECK (kind BETWEEN 1 AND 4),
    currency        text NOT NULL REFERENCES currency,
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    account_id      bigint UNIQUE REFERENCES ledger_account,
    subject_id      bigint,
    period_start    timestamptz,
    ceiling         numeric(38, 9),
    posted          numeric(38, 9) NOT NULL DEFAULT 0,
    held            numeric(38, 9) NOT NULL DEFAULT 0,
    floor           numeric(38, 9) NOT NULL DEFAULT 0,
    CONSTRAINT scope_held_not_negative CHECK (held >= 0),
    CONSTRAINT scope_never_overspent CHECK (posted - held >= floor),
    CONSTRAINT scope_wallet_has_account CHECK ((kind = 1) = (account_id IS NOT NULL)),
    CONSTRAINT scope_limit_has_ceiling CHECK ((kind = 1) = (ceiling IS NULL)),
    UNIQUE NULLS NOT DISTINCT (kind, organization_id, subject_id, currency, period_start)
) WITH (fillfactor = 70);
COMMENT ON TABLE scope IS
    'What limits spending: 1 wallet, 2 project, 3 member, 4 key. A wallet''s row is its balance; a limit''s posted is ceiling - spent.';

CREATE TABLE hold (
    id        bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    source    bigint NOT NULL UNIQUE,
    currency  text NOT NULL,
    amount    numeric(38, 9) NOT NULL,
    released  numeric(38, 9) NOT NULL DEFAULT 0,
    scopes    bigint[] NOT NULL,
    state     text NOT NULL DEFAULT 'OPEN' CHECK (state IN ('OPEN', 'CLOSED')),
    closing   boolean NOT NULL DEFAULT false,
    opened_at timestamptz NOT NULL DEFAULT now(),
    closed_at timestamptz,
    CONSTRAINT hold_amount_not_negative CHECK (amount >= 0),
    CONSTRAINT hold_released_within_amount CHECK (released BETWEEN 0 AND amount),
    CONSTRAINT hold_closed_is_released CHECK (state = 'OPEN' OR (released = amount AND closed_at IS NOT NULL)),
    CONSTRAINT hold_names_its_wallet CHECK (cardinality(scopes) >= 1)
) WITH (fillfactor = 80);
COMMENT ON COLUMN hold.closing IS 'The work is over; what is still held waits for earlier charges that are not posted yet.';
COMMENT ON COLUMN hold.scopes IS 'Every scope row this hold raised, the wallet first; its share in each is amount - released.';
