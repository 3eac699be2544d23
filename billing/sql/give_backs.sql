-- What a charge turned out to be too much by, when the price it was sold at became final: given back once, and never asked
-- for. A charge of which nothing is left to give has a row too, so that it is known to be settled.

CREATE TABLE give_back (
    usage_id   bigint PRIMARY KEY,
    source     bigint NOT NULL,
    rated      numeric(38, 9) NOT NULL,
    amount     numeric(38, 9) NOT NULL,
    fee        numeric(38, 9) NOT NULL,
    overrun    numeric(38, 9) NOT NULL,
    entry_id   bigint,
    settled_at timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT give_back_is_sound CHECK (
        least(rated, amount, fee, overrun) >= 0 AND greatest(rated, amount, fee, overrun) < 'NaN' AND fee <= amount
        AND (entry_id IS NULL) = (amount + overrun = 0))
) PARTITION BY RANGE (usage_id);
COMMENT ON COLUMN give_back.source IS 'Why, for whoever asked for it; nothing here reads it.';
COMMENT ON COLUMN give_back.rated IS 'What the usage costs at the final price; more than was charged if that is above the cap.';
CREATE INDEX give_back_entry ON give_back (entry_id) WHERE entry_id IS NOT NULL;

CREATE TRIGGER give_back_append_only BEFORE UPDATE OR DELETE ON give_back FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER give_back_no_truncate BEFORE TRUNCATE ON give_back FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

INSERT INTO partitioned_table (parent, sequence, width) VALUES ('give_back', 'usage_id_seq', 5000000);
SELECT ensure_partitions_v1();

REVOKE ALL ON give_back FROM :app_role;
GRANT SELECT ON give_back TO :app_role;
