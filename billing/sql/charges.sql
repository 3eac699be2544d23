-- Charges: usage rated with its price card. Rated once, in the call that records the usage; posted later, in batches.

CREATE SEQUENCE usage_id_seq;  -- one usage record, one charge, one number

CREATE TABLE charge (
    usage_id        bigint PRIMARY KEY,
    hold_id         bigint NOT NULL,
    wallet_id       bigint NOT NULL,
    payable_id      bigint NOT NULL,
    currency        text NOT NULL,
    rated           numeric(38, 9) NOT NULL,
    amount          numeric(38, 9) NOT NULL CHECK (amount >= 0),
    fee             numeric(38, 9) NOT NULL CHECK (fee >= 0),
    overrun         numeric(38, 9) NOT NULL DEFAULT 0 CHECK (overrun >= 0),
    closes_hold     boolean NOT NULL,
    rated_at        timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT charge_is_finite CHECK (rated < 'NaN'),
    CONSTRAINT charge_within_rated CHECK (amount + overrun <= rated),
    CONSTRAINT charge_fee_within_amount CHECK (fee <= amount)
) PARTITION BY RANGE (usage_id);
COMMENT ON COLUMN charge.amount IS 'What the buyer pays: the rated amount, never more than was held. The provider gets amount - fee + overrun.';
COMMENT ON COLUMN charge.overrun IS 'What our own counting allowed beyond the hold: paid to the provider by the platform.';

-- Only long work has charges before its last one; the index holds nothing else.
CREATE INDEX charge_before_last ON charge (hold_id) WHERE NOT closes_hold;

CREATE TABLE charge_queue (
    usage_id  bigint PRIMARY KEY,
    wallet_id bigint NOT NULL,
    queued_at timestamptz NOT NULL DEFAULT now()
) PARTITION BY RANGE (usage_id);

-- Which entry posted a charge; its primary key is why a charge can be posted only once.
CREATE TABLE charge_entry (
    usage_id bigint PRIMARY KEY,
    entry_id bigint NOT NULL
) PARTITION BY RANGE (usage_id);
CREATE INDEX charge_entry_entry ON charge_entry (entry_id);

-- A charge that cannot be posted waits here alone, with its age on a metric, while its batch goes on.
CREATE TABLE charge_quarantine (
    usage_id       bigint PRIMARY KEY,
    error          text NOT NULL,
    quarantined_at timestamptz NOT NULL DEFAULT now()
);

CREATE TRIGGER charge_append_only BEFORE UPDATE OR DELETE ON charge FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER charge_no_truncate BEFORE TRUNCATE ON charge FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER charge_entry_append_only BEFORE UPDATE OR DELETE ON charge_entry FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER charge_entry_no_truncate BEFORE TRUNCATE ON charge_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

INSERT INTO partitioned_table (parent, sequence, width) VALUES
    ('charge', 'usage_id_seq', 5000000), ('charge_queue', 'usage_id_seq', 5000000), ('charge_entry', 'usage_id_seq', 5000000);
SELECT ensure_partitions_v1();

REVOKE ALL ON charge, charge_queue, charge_entry, charge_quarantine, usage_id_seq FROM :app_role;
GRANT SELECT ON charge, charge_queue, charge_entry, charge_quarantine TO :app_role;
