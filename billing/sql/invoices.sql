-- Invoices and credit notes: numbered without gaps, never changed, and equal to the ledger to the last place.
--
-- An invoice names the entries of one wallet that it speaks of; an entry is in one invoice that stands. What buyers got back is
-- in credit notes, whose amounts are negative. An invoice is corrected only by a credit note over all of it, after which its
-- entries may be invoiced again.

CREATE TABLE seller_profile (
    entity     text PRIMARY KEY REFERENCES booking_entity,
    name       text NOT NULL,
    address    text NOT NULL,
    tax_id     text NOT NULL DEFAULT '',
    changed_at timestamptz NOT NULL,
    CONSTRAINT seller_profile_is_named CHECK (name <> '' AND address <> '')
);
COMMENT ON TABLE seller_profile IS 'What invoices of a booking entity say of it. Without a row it issues none.';

CREATE TABLE billing_profile (
    organization_id bigint PRIMARY KEY REFERENCES accounts_organization,
    name            text NOT NULL,
    address         text NOT NULL,
    country         text NOT NULL,
    tax_id_kind     text NOT NULL DEFAULT '',
    tax_id          text NOT NULL DEFAULT '',
    language        text NOT NULL DEFAULT 'en',
    changed_at      timestamptz NOT NULL,
    CONSTRAINT billing_profile_is_sound CHECK (
        name <> '' AND address <> '' AND country ~ '^[A-Z]{2}$' AND (tax_id = '') = (tax_id_kind = '') AND language IN ('en', 'zh-hans'))
);
COMMENT ON TABLE billing_profile IS 'To whom invoices of an organization are made out; its own name and country without a row.';

CREATE TABLE tax_rule (
    id               bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    seller_country   text NOT NULL,
    buyer_country    text,
    buyer_has_tax_id boolean,
    rate             numeric(9, 6) NOT NULL,
    label            text NOT NULL,
    label_zh         text NOT NULL DEFAULT '',
    note             text NOT NULL DEFAULT '',
    note_zh          text NOT NULL DEFAULT '',
    reverse_charge   boolean NOT NULL DEFAULT false,
    valid_from       date NOT NULL,
    valid_until      date,
    CONSTRAINT tax_rule_is_sound CHECK (
        seller_country ~ '^[A-Z]{2}$' AND (buyer_country IS NULL OR buyer_country ~ '^[A-Z]{2}$') AND rate >= 0 AND rate < 1
        AND label <> '' AND (rate = 0 OR NOT reverse_charge) AND (valid_until IS NULL OR valid_until > valid_from))
);
COMMENT ON COLUMN tax_rule.rate IS 'A share of one: 0.06 is six per cent.';
COMMENT ON COLUMN tax_rule.buyer_country IS 'Without one the rule is for every country that has none of its own; likewise below.';
COMMENT ON COLUMN tax_rule.valid_until IS 'The first day on which it holds no longer.';
-- Hong Kong levies no tax on sales or services (Inland Revenue Department).
INSERT INTO tax_rule (seller_country, rate, label, label_zh, valid_from)
VALUES ('HK', 0, 'No sales tax in Hong Kong', '香港不征收销售税', '1997-07-01');

CREATE TABLE invoice_counter (
    entity text NOT NULL REFERENCES booking_entity,
    kind   text NOT NULL,
    year   int NOT NULL,
    last   int NOT NULL,
    PRIMARY KEY (entity, kind, year),
    CONSTRAINT invoice_counter_is_sound CHECK (kind IN ('INVOICE', 'CREDIT_NOTE') AND last > 0)
);

CREATE TABLE invoice (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE,
    number          text NOT NULL UNIQUE,
    kind            text NOT NULL,
    entity          text NOT NULL REFERENCES booking_entity,
    year            int NOT NULL,
    seq             int NOT NULL,
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    account_id      bigint NOT NULL REFERENCES ledger_account,
    currency        text NOT NULL REFERENCES currency,
    since           date NOT NULL,
    until           date NOT NULL,
    issued_on       date NOT NULL,
    issued_at       timestamptz NOT NULL,
    corrects        bigint UNIQUE REFERENCES invoice,
    reason          text NOT NULL DEFAULT '',
    net             numeric(38, 9) NOT NULL,
    net_shown       numeric(38, 9) NOT NULL,
    tax             numeric(38, 9) NOT NULL,
    content         text NOT NULL,
    sha256          text NOT NULL,
    CONSTRAINT invoice_numbered_once UNIQUE (entity, kind, year, seq),
    CONSTRAINT invoice_hashes_content CHECK (
        sha256 = encode(sha256(convert_to(number || E'\n' || content, 'UTF8')), 'hex')),
    CONSTRAINT invoice_is_sound CHECK (
        seq > 0 AND since < until AND year = extract(year FROM issued_on)
        AND CASE kind WHEN 'INVOICE' THEN net > 0 AND net_shown >= 0 AND tax >= 0 AND corrects IS NULL
                      WHEN 'CREDIT_NOTE' THEN net < 0 AND net_shown <= 0 AND tax <= 0 AND (corrects IS NULL OR reason <> '')
                      ELSE false END)
);
COMMENT ON COLUMN invoice.net IS 'What the wallet lost, with all nine places; `net_shown` is the same in the places that the currency is paid in.';
COMMENT ON COLUMN invoice.until IS 'The day after the last.';
COMMENT ON COLUMN invoice.content IS 'Parties, lines and taxes as they are printed: JSON that is hashed after the number and a line feed.';
CREATE INDEX invoice_organization ON invoice (organization_id, id);

CREATE TABLE invoice_entry (
    invoice_id bigint NOT NULL REFERENCES invoice,
    account_id bigint NOT NULL REFERENCES ledger_account,
    entry_id   bigint NOT NULL REFERENCES entry,
    cancelled  boolean NOT NULL DEFAULT false,
    PRIMARY KEY (invoice_id, entry_id)
);
CREATE UNIQUE INDEX invoice_entry_once ON invoice_entry (account_id, entry_id) WHERE NOT cancelled;

CREATE TABLE invoice_tax (
    invoice_id bigint PRIMARY KEY REFERENCES invoice,
    account_id bigint NOT NULL REFERENCES ledger_account,
    amount     numeric(38, 9) NOT NULL,
    void       boolean NOT NULL DEFAULT false,
    entry_id   bigint UNIQUE REFERENCES entry,
    CONSTRAINT invoice_tax_is_sound CHECK (amount <> 0 AND NOT (void AND entry_id IS NOT NULL))
);
COMMENT ON TABLE invoice_tax IS 'Tax of an invoice: due while it has no entry, because the wallet has not enough; void if it was cancelled first.';
CREATE INDEX invoice_tax_due ON invoice_tax (account_id, invoice_id) WHERE entry_id IS NULL AND NOT void;

CREATE TRIGGER invoice_append_only BEFORE UPDATE OR DELETE ON invoice FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER invoice_no_truncate BEFORE TRUNCATE ON invoice FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER invoice_entry_kept BEFORE UPDATE OF invoice_id, account_id, entry_id OR DELETE ON invoice_entry
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER invoice_entry_no_truncate BEFORE TRUNCATE ON invoice_entry FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
CREATE TRIGGER invoice_tax_kept BEFORE UPDATE OF invoice_id, account_id, amount OR DELETE ON invoice_tax
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER invoice_tax_no_truncate BEFORE TRUNCATE ON invoice_tax FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();
-- A rule that invoices followed keeps its meaning; only its end is a change.
CREATE TRIGGER tax_rule_kept
    BEFORE UPDATE OF id, seller_country, buyer_country, buyer_has_tax_id, rate, label, label_zh, note, note_zh, reverse_charge, valid_from
        OR DELETE ON tax_rule FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- A cancelled invoice stays cancelled, a paid tax paid.
CREATE FUNCTION keep_invoice_state() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    RAISE EXCEPTION '% is append-only', TG_TABLE_NAME USING ERRCODE = 'restrict_violation';
END $$;
CREATE TRIGGER invoice_entry_stays_cancelled BEFORE UPDATE ON invoice_entry
    FOR EACH ROW WHEN (OLD.cancelled) EXECUTE FUNCTION keep_invoice_state();
CREATE TRIGGER invoice_tax_stays BEFORE UPDATE ON invoice_tax
    FOR EACH ROW WHEN (OLD.void OR OLD.entry_id IS NOT NULL) EXECUTE FUNCTION keep_invoice_state();

-- Kinds of entries that invoices and credit notes speak of; a reversal is of the kind of what it reverses.
CREATE OR REPLACE FUNCTION invoiced_kinds() RETURNS text[] LANGUAGE sql IMMUTABLE AS $$
    SELECT ARRAY['CHARGE', 'HEAT', 'GIVE_BACK', 'REFUND', 'CLAIM']
$$;

-- What of a wallet was booked before a day and is in no invoice that stands: positive where the wallet lost it.
CREATE OR REPLACE FUNCTION list_uninvoiced_v1(p_account bigint, p_until date)
RETURNS TABLE (entry_id bigint, kind text, booked_on date, amount numeric)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT p.entry_id, coalesce(r.kind, e.kind), booked_day(e.booked_on, e.happened_at), sum(p.amount)
      FROM posting p JOIN entry e ON e.id = p.entry_id LEFT JOIN entry r ON r.id = e.reverses
     WHERE p.account_id = p_account AND coalesce(r.kind, e.kind) = ANY (invoiced_kinds())
       AND booked_day(e.booked_on, e.happened_at) < p_until
       AND NOT EXISTS (SELECT 1 FROM invoice_entry i
                        WHERE i.account_id = p_account AND i.entry_id = p.entry_id AND NOT i.cancelled)
     GROUP BY 1, 2, 3 HAVING sum(p.amount) <> 0
     ORDER BY 1
$$;

-- Issue an invoice or a credit note over entries of a wallet, or a credit note over a whole invoice, under the next number. The
-- row of numbers is locked first and to the end, so numbers have no gaps; whoever invoices the same entries meanwhile is refused.
-- `p_content` is what is printed, with `lines` whose `exact` and `shown` come to `p_net` and `p_net_shown`.
CREATE OR REPLACE FUNCTION issue_invoice_v1(
    p_uid uuid, p_kind text, p_account bigint, p_corrects bigint, p_reason text, p_since date, p_until date, p_at timestamptz,
    p_entries bigint[], p_net numeric, p_net_shown numeric, p_tax numeric, p_content text
) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    wallet ledger_account;
    day date := (p_at AT TIME ZONE 'UTC')::date;
    next int;
    named text;
    lost numeric;
    lines jsonb := p_content::jsonb -> 'lines';
    made bigint;
BEGIN
    SELECT * INTO wallet FROM ledger_account WHERE id = p_account AND purpose = 'WALLET' AND currency <> 'XTS';
    IF NOT FOUND THEN
        RAISE EXCEPTION 'account % is no wallet of money', p_account USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO invoice_counter AS c (entity, kind, year, last) VALUES (wallet.entity, p_kind, extract(year FROM day), 1)
    ON CONFLICT (entity, kind, year) DO UPDATE SET last = c.last + 1 RETURNING last INTO next;
    IF p_corrects IS NULL THEN
        SELECT sum(p.amount) INTO lost FROM posting p WHERE p.account_id = p_account AND p.entry_id = ANY (p_entries);
    ELSE
        SELECT -i.net INTO lost FROM invoice i
         WHERE i.id = p_corrects AND i.kind = 'INVOICE' AND i.account_id = p_account AND i.net_shown = -p_net_shown AND i.tax = -p_tax;
    END IF;
    IF lost IS DISTINCT FROM p_net
       OR p_net IS DISTINCT FROM (SELECT sum((x ->> 'exact')::numeric) FROM jsonb_array_elements(lines) x)
       OR p_net_shown IS DISTINCT FROM (SELECT sum((x ->> 'shown')::numeric) FROM jsonb_array_elements(lines) x)
       OR p_tax IS DISTINCT FROM (SELECT coalesce(sum((x ->> 'amount')::numeric), 0)
                                    FROM jsonb_array_elements(p_content::jsonb -> 'taxes') x) THEN
        RAISE EXCEPTION 'the lines come to something else than the ledger'
            USING ERRCODE = 'integrity_constraint_violation', CONSTRAINT = 'invoice_equals_ledger';
    END IF;
    named := wallet.entity || CASE p_kind WHEN 'CREDIT_NOTE' THEN '-CN-' ELSE '-' END
             || extract(year FROM day)::int || '-' || lpad(next::text, greatest(6, length(next::text)), '0');
    INSERT INTO invoice (uid, number, kind, entity, year, seq, organization_id, account_id, currency, since, until, issued_on, issued_at,
                         corrects, reason, net, net_shown, tax, content, sha256)
    VALUES (p_uid, named, p_kind, wallet.entity, extract(year FROM day), next, wallet.organization_id, p_account, wallet.currency,
            p_since, p_until, day, p_at, p_corrects, p_reason, p_net, p_net_shown, p_tax, p_content,
            encode(sha256(convert_to(named || E'\n' || p_content, 'UTF8')), 'hex'))
    RETURNING id INTO made;
    IF p_corrects IS NULL THEN
        INSERT INTO invoice_entry (invoice_id, account_id, entry_id) SELECT made, p_account, unnest(p_entries);
    ELSE
        UPDATE invoice_entry SET cancelled = true WHERE invoice_id = p_corrects AND NOT cancelled;
        UPDATE invoice_tax SET void = true WHERE invoice_id = p_corrects AND entry_id IS NULL;
        IF FOUND THEN
            RETURN made;  -- nothing of that tax was taken
        END IF;
    END IF;
    IF p_tax <> 0 THEN
        INSERT INTO invoice_tax (invoice_id, account_id, amount) VALUES (made, p_account, p_tax);
    END IF;
    RETURN made;
END $$;

-- Take the tax of an invoice from its wallet, or give that of a credit note back. Gives the entry, NULL if it is void.
-- Raises check_violation (scope_never_overspent) if the wallet has not enough.
CREATE OR REPLACE FUNCTION post_invoice_tax_v1(p_invoice bigint) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    due invoice_tax;
    named invoice;
    legs bigint[];
    parts numeric[];
    made bigint;
BEGIN
    SELECT * INTO due FROM invoice_tax WHERE invoice_id = p_invoice FOR UPDATE;
    IF NOT FOUND OR due.void OR due.entry_id IS NOT NULL THEN
        RETURN due.entry_id;
    END IF;
    SELECT * INTO named FROM invoice WHERE id = p_invoice;
    SELECT array_agg(x.account ORDER BY x.account), array_agg(x.part ORDER BY x.account) INTO legs, parts
      FROM (VALUES (due.account_id, due.amount),
                   (account_v2('TAX', named.currency, named.entity), -due.amount)) AS x(account, part);
    SELECT p.entry_id INTO made
      FROM post_v1('tax:' || named.number, 'TAX', 'system:invoices', named.number, named.issued_at, legs, parts) p;
    UPDATE invoice_tax SET entry_id = made WHERE invoice_id = p_invoice;
    RETURN made;
END $$;

REVOKE ALL ON seller_profile, billing_profile, tax_rule, invoice_counter, invoice, invoice_entry, invoice_tax FROM PUBLIC, :app_role;
GRANT SELECT ON invoice_counter, invoice, invoice_entry, invoice_tax TO :app_role;
GRANT SELECT, INSERT, UPDATE ON seller_profile, billing_profile TO :app_role;
GRANT SELECT, INSERT, UPDATE (valid_until) ON tax_rule TO :app_role;
REVOKE ALL ON FUNCTION issue_invoice_v1, post_invoice_tax_v1, list_uninvoiced_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION issue_invoice_v1, post_invoice_tax_v1, list_uninvoiced_v1 TO :app_role;
