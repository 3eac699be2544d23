-- Self-billing: the platform issues invoices in the name of providers, over what they sold to it, if they agreed to that.
--
-- They are invoices as others: numbered without gaps, for each booking entity and provider, never changed, and equal to the ledger
-- to the last place. `series` is the provider whose numbers they have, 0 for those of the platform itself.

CREATE TABLE self_billing_agreement (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE,
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    version         text NOT NULL,
    sha256          text NOT NULL,
    agreed_by       uuid NOT NULL,
    agreed_at       timestamptz NOT NULL,
    ended_by        uuid,
    ended_at        timestamptz,
    CONSTRAINT self_billing_agreement_is_sound CHECK (
        version <> '' AND sha256 ~ '^[0-9a-f]{64}$' AND (ended_by IS NULL) = (ended_at IS NULL) AND (ended_at IS NULL OR ended_at >= agreed_at))
);
COMMENT ON TABLE self_billing_agreement IS 'Who agreed for a provider, and when, to which words; and who ended it.';
CREATE UNIQUE INDEX self_billing_agreement_one_stands ON self_billing_agreement (organization_id) WHERE ended_at IS NULL;

CREATE TRIGGER self_billing_agreement_kept
    BEFORE UPDATE OF id, uid, organization_id, version, sha256, agreed_by, agreed_at OR DELETE ON self_billing_agreement
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER self_billing_agreement_stays_ended BEFORE UPDATE ON self_billing_agreement
    FOR EACH ROW WHEN (OLD.ended_at IS NOT NULL) EXECUTE FUNCTION refuse_change();
CREATE TRIGGER self_billing_agreement_no_truncate BEFORE TRUNCATE ON self_billing_agreement
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

CREATE TABLE self_billing_counter (
    entity          text NOT NULL REFERENCES booking_entity,
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    kind            text NOT NULL,
    year            int NOT NULL,
    last            int NOT NULL,
    PRIMARY KEY (entity, organization_id, kind, year),
    CONSTRAINT self_billing_counter_is_sound CHECK (kind IN ('INVOICE', 'CREDIT_NOTE') AND last > 0)
);

ALTER TABLE invoice
    ADD COLUMN series bigint NOT NULL DEFAULT 0,
    ADD COLUMN payout_id bigint REFERENCES payout,
    ADD COLUMN agreement_id bigint REFERENCES self_billing_agreement,
    DROP CONSTRAINT invoice_numbered_once,
    ADD CONSTRAINT invoice_numbered_once UNIQUE (entity, series, kind, year, seq),
    ADD CONSTRAINT invoice_is_self_billed CHECK (
        CASE WHEN series = 0 THEN payout_id IS NULL AND agreement_id IS NULL
             ELSE series = organization_id AND payout_id IS NOT NULL AND agreement_id IS NOT NULL END);
CREATE INDEX invoice_payout ON invoice (payout_id) WHERE payout_id IS NOT NULL;

-- The agreement that stood when a payout was planned, and the number of the ledger up to which had been paid out when it was made:
-- what was sold before is none of its business.
CREATE OR REPLACE FUNCTION self_billing_v1(p_payout bigint) RETURNS TABLE (agreement_id bigint, from_seq bigint)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT a.id, coalesce((SELECT max(b.cutoff_seq) FROM payout x JOIN settlement_batch b ON b.id = x.batch_id
                            WHERE x.account_id = o.account_id AND x.planned_at < a.agreed_at), 0)
      FROM payout o JOIN self_billing_agreement a ON a.organization_id = o.organization_id
     WHERE o.id = p_payout AND a.agreed_at <= o.planned_at AND (a.ended_at IS NULL OR a.ended_at > o.planned_at)
$$;

-- What a provider sold, or gave back, up to the cutoff of a payout, and that is in no invoice that stands: positive for what it got.
CREATE OR REPLACE FUNCTION list_unbilled_v1(p_payout bigint)
RETURNS TABLE (entry_id bigint, kind text, booked_on date, amount numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT p.entry_id, coalesce(r.kind, e.kind), booked_day(e.booked_on, e.happened_at), -sum(p.amount)
      FROM payout o
      JOIN settlement_batch b ON b.id = o.batch_id
     CROSS JOIN self_billing_v1(p_payout) s
      JOIN posting p ON p.account_id = o.account_id
      JOIN ledger_seq n ON n.entry_id = p.entry_id
      JOIN entry e ON e.id = p.entry_id LEFT JOIN entry r ON r.id = e.reverses
     WHERE o.id = p_payout AND n.seq > s.from_seq AND n.seq <= b.cutoff_seq AND coalesce(r.kind, e.kind) = ANY (invoiced_kinds())
       AND NOT EXISTS (SELECT 1 FROM invoice_entry i
                        WHERE i.account_id = o.account_id AND i.entry_id = p.entry_id AND NOT i.cancelled)
     GROUP BY 1, 2, 3 HAVING sum(p.amount) <> 0
     ORDER BY 1
$$;

-- Issue an invoice over what a payout pays for, or a credit note over what was given back, or one over a whole invoice. The row of
-- numbers is locked first and to the end, so numbers have no gaps; what is billed is looked up after it, so nothing is billed twice.
-- `p_content` is what is printed, with `lines` whose `exact` and `shown` come to `p_net` and `p_net_shown`.
CREATE OR REPLACE FUNCTION issue_self_bill_v1(
    p_uid uuid, p_kind text, p_payout bigint, p_corrects bigint, p_reason text, p_at timestamptz, p_net numeric, p_net_shown numeric,
    p_tax numeric, p_content text
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    paid payout;
    agreed bigint;
    day date := (p_at AT TIME ZONE 'UTC')::date;
    next int;
    named text;
    entries bigint[];
    first date;
    last date;
    sold numeric;
    lines jsonb := p_content::jsonb -> 'lines';
    made bigint;
BEGIN
    SELECT * INTO paid FROM payout WHERE id = p_payout;
    IF p_corrects IS NULL THEN
        SELECT agreement_id INTO agreed FROM self_billing_v1(p_payout);
    ELSE
        SELECT i.agreement_id INTO agreed FROM invoice i WHERE i.id = p_corrects;
    END IF;
    IF agreed IS NULL OR (p_corrects IS NULL AND paid.state <> 'PAID') THEN
        RAISE EXCEPTION 'nobody agreed to bills for payout %, or it is not paid', p_payout
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'self_bill_is_agreed';
    END IF;
    INSERT INTO self_billing_counter AS c (entity, organization_id, kind, year, last)
    VALUES (paid.entity, paid.organization_id, p_kind, extract(year FROM day), 1)
    ON CONFLICT (entity, organization_id, kind, year) DO UPDATE SET last = c.last + 1 RETURNING c.last INTO next;
    IF p_corrects IS NULL THEN
        SELECT array_agg(u.entry_id), sum(u.amount), min(u.booked_on), max(u.booked_on) INTO entries, sold, first, last
          FROM list_unbilled_v1(p_payout) u WHERE (u.amount > 0) = (p_kind = 'INVOICE');
    ELSE
        SELECT -i.net, i.since, i.until - 1 INTO sold, first, last FROM invoice i
         WHERE i.id = p_corrects AND i.kind = 'INVOICE' AND i.payout_id = p_payout AND i.net_shown = -p_net_shown AND i.tax = -p_tax;
    END IF;
    IF sold IS DISTINCT FROM p_net
       OR p_net IS DISTINCT FROM (SELECT sum((x ->> 'exact')::numeric) FROM jsonb_array_elements(lines) x)
       OR p_net_shown IS DISTINCT FROM (SELECT sum((x ->> 'shown')::numeric) FROM jsonb_array_elements(lines) x)
       OR p_tax IS DISTINCT FROM (SELECT coalesce(sum((x ->> 'amount')::numeric), 0)
                                    FROM jsonb_array_elements(p_content::jsonb -> 'taxes') x) THEN
        RAISE EXCEPTION 'the lines come to something else than the ledger'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'invoice_equals_ledger';
    END IF;
    named := paid.entity || '-SB' || paid.organization_id || CASE p_kind WHEN 'CREDIT_NOTE' THEN '-CN-' ELSE '-' END
             || extract(year FROM day)::int || '-' || lpad(next::text, greatest(6, length(next::text)), '0');
    INSERT INTO invoice (uid, number, kind, entity, year, seq, organization_id, account_id, currency, since, until, issued_on, issued_at,
                         corrects, reason, net, net_shown, tax, content, sha256, series, payout_id, agreement_id)
    VALUES (p_uid, named, p_kind, paid.entity, extract(year FROM day), next, paid.organization_id, paid.account_id, paid.currency,
            first, last + 1, day, p_at, p_corrects, p_reason, p_net, p_net_shown, p_tax, p_content,
            encode(sha256(convert_to(named || E'\n' || p_content, 'UTF8')), 'hex'), paid.organization_id, p_payout, agreed)
    RETURNING id INTO made;
    IF p_corrects IS NULL THEN
        INSERT INTO invoice_entry (invoice_id, account_id, entry_id) SELECT made, paid.account_id, unnest(entries);
    ELSE
        UPDATE invoice_entry SET cancelled = true WHERE invoice_id = p_corrects AND NOT cancelled;
        UPDATE invoice_tax SET void = true WHERE invoice_id = p_corrects AND entry_id IS NULL;
        IF FOUND THEN
            RETURN made;  -- nothing of that tax was paid
        END IF;
    END IF;
    IF p_tax <> 0 THEN
        -- The platform owes the provider the tax: a credit of what is owed.
        INSERT INTO invoice_tax (invoice_id, account_id, amount) VALUES (made, paid.account_id, -p_tax);
    END IF;
    RETURN made;
END $$;

REVOKE ALL ON self_billing_agreement, self_billing_counter FROM PUBLIC, :app_role;
GRANT SELECT ON self_billing_counter TO :app_role;
GRANT SELECT, INSERT, UPDATE (ended_by, ended_at) ON self_billing_agreement TO :app_role;
REVOKE ALL ON FUNCTION issue_self_bill_v1, list_unbilled_v1, self_billing_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION issue_self_bill_v1, list_unbilled_v1, self_billing_v1 TO :app_role;
