-- Carrying out a settlement that two people agreed to, item by item, each in a transaction of its own and none twice.

-- Begin: only with an approval of exactly this content, which is hashed again. Answers whether the batch is being carried out.
CREATE OR REPLACE FUNCTION start_settlement_v1(p_batch bigint, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE settlement_batch b SET state = 'EXECUTING', started_at = p_at
     WHERE b.id = p_batch AND b.state = 'APPROVED' AND b.content_sha256 = settlement_sha256_v1(b.id)
       AND EXISTS (SELECT 1 FROM approval a
                    WHERE a.kind = 'settlement' AND a.subject = b.uid::text AND a.state = 'APPROVED'
                      AND a.approved_by = b.approved_by AND a.canonical::jsonb ->> 'content_sha256' = b.content_sha256);
    RETURN FOUND OR EXISTS (SELECT 1 FROM settlement_batch WHERE id = p_batch AND state = 'EXECUTING');
END $$;

-- Note that somebody approved what was submitted; whoever submitted it cannot.
CREATE OR REPLACE FUNCTION approve_settlement_v1(p_batch bigint, p_by uuid, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE settlement_batch SET state = 'APPROVED', approved_by = p_by, approved_at = p_at
     WHERE id = p_batch AND state = 'SUBMITTED';
    RETURN FOUND;
END $$;

-- Post what an item moves on its payable account, under keys that name the batch and the provider. Zero posts nothing.
CREATE OR REPLACE FUNCTION post_settled_v1(
    p_item settlement_item, p_name text, p_kind text, p_account bigint, p_amount numeric, p_at timestamptz
) RETURNS bigint[]
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    b settlement_batch;
BEGIN
    IF p_amount = 0 THEN
        RETURN '{}';
    END IF;
    SELECT * INTO b FROM settlement_batch WHERE id = p_item.batch_id;
    RETURN ARRAY(SELECT entry_id FROM post_v1(
        p_name || ':' || b.uid || ':' || p_item.organization_id, p_kind, 'system:settlement', b.period, p_at,
        ARRAY[least(p_item.account_id, p_account), greatest(p_item.account_id, p_account)],
        CASE WHEN p_item.account_id < p_account THEN ARRAY[p_amount, -p_amount] ELSE ARRAY[-p_amount, p_amount] END));
END $$;

-- Carry out one item: STOPPED if the provider may not be paid any more (the caller has asked) or what is owed is frozen, SHORT if less is owed now than
-- was reckoned, else what was agreed to: held back, released, withheld, the fee, and the payout on its way. Answers the
-- outcome; an item that has one keeps it.
CREATE OR REPLACE FUNCTION pay_item_v1(p_item bigint, p_uid uuid, p_stopped boolean, p_at timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    i settlement_item;
    b settlement_batch;
    ends text;
    made bigint[] := '{}';
    made_payout bigint;
    kept bigint;
    away bigint;
BEGIN
    -- The business row first: a second one waits here, and finds the outcome.
    SELECT * INTO i FROM settlement_item WHERE id = p_item FOR NO KEY UPDATE;
    IF i.outcome IS NOT NULL THEN
        RETURN i.outcome;
    END IF;
    SELECT * INTO b FROM settlement_batch WHERE id = i.batch_id;
    -- What is owed is frozen or paid, not both: whoever freezes locks it, too.
    PERFORM 1 FROM ledger_account WHERE id = i.account_id FOR NO KEY UPDATE;
    ends := CASE WHEN i.amount = 0 THEN 'CARRIED'
                 WHEN p_stopped OR EXISTS (SELECT 1 FROM money_freeze WHERE account_id = i.account_id AND ended_at IS NULL) THEN 'STOPPED'
                 ELSE 'PAID_OUT' END;
    IF ends = 'PAID_OUT' AND balance_v1(i.account_id) + i.released < i.held + i.tax + i.fee + i.amount
       OR i.released > 0 AND balance_v1(account_v1('HELD_EARNINGS', i.organization_id, b.currency)) < i.released THEN
        ends := 'SHORT';
    END IF;
    IF ends IN ('PAID_OUT', 'CARRIED') THEN
        IF i.held + i.released > 0 THEN
            kept := account_v1('HELD_EARNINGS', i.organization_id, b.currency);
            made := post_settled_v1(i, 'held', 'EARNINGS_HELD', kept, i.held, p_at);
            made := made || post_settled_v1(i, 'released', 'EARNINGS_RELEASED', kept, -i.released, p_at);
        END IF;
        IF i.tax > 0 THEN
            away := account_v2('WITHHOLDING_TAX', b.currency, b.entity);
            made := made || post_settled_v1(i, 'withholding', 'WITHHOLDING', away, i.tax, p_at);
        END IF;
        IF i.fee > 0 THEN
            away := account_v2('PAYOUT_FEE', b.currency, b.entity);
            made := made || post_settled_v1(i, 'payout_fee', 'PAYOUT_FEE', away, i.fee, p_at);
        END IF;
    END IF;
    IF ends = 'PAID_OUT' THEN
        away := account_v2('PAYOUT_IN_TRANSIT', b.currency, b.entity);
        made := made || post_settled_v1(i, 'payout', 'PAYOUT', away, i.amount, p_at);
        INSERT INTO payout (uid, item_id, batch_id, organization_id, account_id, currency, entity, amount, tax, rail, method_id, planned_at)
        VALUES (p_uid, i.id, b.id, i.organization_id, i.account_id, b.currency, b.entity, i.amount, i.tax, i.rail, i.method_id, p_at)
        RETURNING id INTO made_payout;
        INSERT INTO payout_step (payout_id, state, rail, actor, entry_id, happened_at, noted_at)
        VALUES (made_payout, 'PLANNED', i.rail, 'system:settlement', made[cardinality(made)], p_at, p_at);
    END IF;
    UPDATE settlement_item SET outcome = ends, entries = made, done_at = p_at WHERE id = i.id;
    RETURN ends;
END $$;

-- End: every item has its outcome. Answers whether the batch is done.
CREATE OR REPLACE FUNCTION finish_settlement_v1(p_batch bigint, p_at timestamptz) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    UPDATE settlement_batch SET state = 'DONE', ended_at = p_at
     WHERE id = p_batch AND state = 'EXECUTING'
       AND NOT EXISTS (SELECT 1 FROM settlement_item WHERE batch_id = p_batch AND outcome IS NULL);
    RETURN FOUND OR EXISTS (SELECT 1 FROM settlement_batch WHERE id = p_batch AND state = 'DONE');
END $$;

-- Whether two people agreed that a payout came to this end: one of them saw it, the other approved exactly that.
CREATE OR REPLACE FUNCTION is_end_agreed_v1(p_payout payout, p_state text) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM approval a
         WHERE a.subject = p_payout.uid::text AND a.state = 'APPROVED'
           AND (a.kind = 'payout_step' AND a.canonical::jsonb ->> 'state' = p_state OR a.kind = 'manual_payment' AND p_state = 'PAID')
           AND (a.canonical::jsonb ->> 'amount')::numeric = p_payout.amount AND a.canonical::jsonb ->> 'currency' = p_payout.currency);
END $$;

-- Whether the rail itself answered to the file that tells to pay it.
CREATE OR REPLACE FUNCTION is_file_answered_v1(p_payout bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM rail_file_payout l JOIN rail_file f ON f.id = l.file_id AND f.state = 'SENT'
          JOIN rail_answer a ON a.file_id = f.id
         WHERE l.payout_id = p_payout AND l.live);
END $$;

-- Whether two people handed in the same answer to the file that tells to pay it. What failed is owed again, and paid again: one
-- person alone could have made up the bank's refusal.
CREATE OR REPLACE FUNCTION is_refusal_agreed_v1(p_payout bigint) RETURNS boolean
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    RETURN EXISTS (
        SELECT 1 FROM rail_file_payout l
          JOIN rail_answer a ON a.file_id = l.file_id
          JOIN rail_answer b ON b.file_id = a.file_id AND b.sha256 = a.sha256 AND b.received_by <> a.received_by
         WHERE l.payout_id = p_payout AND l.live);
END $$;

-- A payment by hand leaves no trace but what somebody says: two people do, or a statement of the bank has it.
CREATE OR REPLACE FUNCTION check_manual_payout() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
BEGIN
    IF NOT is_end_agreed_v1(NEW, 'PAID') AND NOT EXISTS (
        SELECT 1 FROM bank_line l JOIN bank_account a ON a.id = l.account_id
         WHERE l.state IN ('NEW', 'SUSPENSE', 'RETURNING') AND l.amount = -NEW.amount
           AND (a.currency, a.entity) = (NEW.currency, NEW.entity)) THEN
        RAISE EXCEPTION 'payout % by hand is paid by the word of two people', NEW.uid
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_by_two';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER payout_by_two BEFORE UPDATE OF state ON payout FOR EACH ROW
    WHEN (NEW.rail = 'manual' AND NEW.state = 'PAID' AND OLD.state <> 'PAID') EXECUTE FUNCTION check_manual_payout();

-- Move a payout forward: SENT, IN_TRANSIT, PAID (from `p_clearing`, the rail's account), RETURNED or FAILED. What came back
-- is owed again, with the tax that was withheld of it. Steps that were taken already, or that are behind where it stands,
-- change nothing. Raises restrict_violation for a payout that was given back and is said to be paid after all (payout_given_back),
-- and for an end that one person alone has seen (payout_by_two).
CREATE OR REPLACE FUNCTION move_payout_v1(
    p_uid uuid, p_state text, p_external_id text, p_reason text, p_clearing text, p_actor text, p_happened_at timestamptz, p_at timestamptz
) RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    p payout;
    transit bigint;
    away bigint;
    withheld bigint;
    entry bigint;
BEGIN
    SELECT * INTO p FROM payout WHERE uid = p_uid FOR NO KEY UPDATE;
    IF p.id IS NULL THEN
        RAISE EXCEPTION 'there is no payout %', p_uid USING ERRCODE = 'no_data_found', CONSTRAINT = 'payout_unknown';
    ELSIF p_external_id IS NOT NULL AND p.external_id IS NOT NULL AND p.external_id <> p_external_id THEN
        RAISE EXCEPTION 'payout % goes by another reference', p_uid
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_external_id';
    ELSIF p_state = 'PAID' AND p.state = 'FAILED' THEN
        RAISE EXCEPTION 'payout % was given back', p_uid USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_given_back';
    ELSIF p.state = p_state OR p.state IN ('RETURNED', 'FAILED') OR p.state = 'PAID' AND p_state <> 'RETURNED'
       OR p.state = 'IN_TRANSIT' AND p_state = 'SENT' THEN
        RETURN false;
    ELSIF p_actor LIKE 'user:%' AND p_state IN ('PAID', 'RETURNED', 'FAILED')
          AND NOT is_end_agreed_v1(p, p_state)
          AND NOT (p_state = 'PAID' AND is_file_answered_v1(p.id)) AND NOT (p_state = 'FAILED' AND is_refusal_agreed_v1(p.id)) THEN
        RAISE EXCEPTION 'the end of payout % takes the word of two people', p_uid
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'payout_by_two';
    END IF;
    transit := account_v2('PAYOUT_IN_TRANSIT', p.currency, p.entity);
    IF p.state = 'PLANNED' AND p_state IN ('IN_TRANSIT', 'PAID', 'RETURNED') THEN
        -- Word of the end came before word of the beginning.
        UPDATE payout SET state = 'SENT', external_id = p_external_id, sent_at = p_happened_at WHERE id = p.id;
    END IF;
    IF p_state = 'PAID' THEN
        away := account_v2(p_clearing, p.currency, p.entity);
        SELECT entry_id INTO entry FROM post_v1('payout_paid:' || p_uid, 'PAYOUT_PAID', p_actor, coalesce(p_external_id, ''), p_happened_at,
                                                ARRAY[transit, away], ARRAY[p.amount, -p.amount]);
    ELSIF p_state IN ('RETURNED', 'FAILED') THEN
        away := CASE WHEN p.state = 'PAID' THEN account_v2(p.clearing, p.currency, p.entity) ELSE transit END;
        withheld := account_v2('WITHHOLDING_TAX', p.currency, p.entity);
        SELECT x.entry_id INTO entry FROM post_v1('payout_returned:' || p_uid, 'PAYOUT_RETURNED', p_actor, p_reason, p_happened_at,
            CASE WHEN p.tax > 0 THEN ARRAY[away, withheld, p.account_id] ELSE ARRAY[away, p.account_id] END,
            CASE WHEN p.tax > 0 THEN ARRAY[p.amount, p.tax, -p.amount - p.tax] ELSE ARRAY[p.amount, -p.amount] END) x;
    END IF;
    UPDATE payout SET state = p_state, external_id = coalesce(external_id, p_external_id),
           reason = CASE WHEN p_state IN ('RETURNED', 'FAILED') THEN p_reason ELSE reason END,
           sent_at = CASE WHEN p_state = 'FAILED' THEN sent_at ELSE coalesce(sent_at, p_happened_at) END,
           paid_at = CASE WHEN p_state = 'PAID' THEN p_happened_at ELSE paid_at END,
           clearing = CASE WHEN p_state = 'PAID' THEN p_clearing ELSE clearing END,
           ended_at = CASE WHEN p_state IN ('RETURNED', 'FAILED') THEN p_happened_at ELSE ended_at END
     WHERE id = p.id;
    INSERT INTO payout_step (payout_id, state, rail, external_id, reason, actor, entry_id, happened_at, noted_at)
    VALUES (p.id, p_state, p.rail, p_external_id, coalesce(p_reason, ''), p_actor, entry, p_happened_at, p_at);
    RETURN true;
END $$;

-- Let a payout that was not sent go by another method of its provider. Answers whether it was still to be sent.
CREATE OR REPLACE FUNCTION reroute_payout_v1(p_uid uuid, p_rail text, p_method bigint, p_reason text, p_actor text, p_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    changed bigint;
BEGIN
    UPDATE payout SET rail = p_rail, method_id = p_method WHERE uid = p_uid AND state = 'PLANNED' RETURNING id INTO changed;
    IF changed IS NOT NULL THEN
        INSERT INTO payout_step (payout_id, state, rail, reason, actor, happened_at, noted_at)
        VALUES (changed, 'PLANNED', p_rail, p_reason, p_actor, p_at, p_at);
    END IF;
    RETURN changed IS NOT NULL;
END $$;

-- Take back a payout that its rail was asked for and refused, so that nothing was made, and let it go by another method of its
-- provider. Answers whether it was so.
CREATE OR REPLACE FUNCTION recall_payout_v1(p_uid uuid, p_rail text, p_method bigint, p_reason text, p_actor text, p_at timestamptz)
RETURNS boolean
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    changed bigint;
BEGIN
    UPDATE payout p SET state = 'PLANNED', rail = p_rail, method_id = p_method, external_id = NULL, sent_at = NULL
     WHERE p.uid = p_uid AND p.state = 'SENT'
       AND EXISTS (SELECT 1 FROM connect_transfer t WHERE t.payout_id = p.id AND t.state = 'REFUSED')
    RETURNING id INTO changed;
    IF changed IS NOT NULL THEN
        INSERT INTO payout_step (payout_id, state, rail, reason, actor, happened_at, noted_at)
        VALUES (changed, 'PLANNED', p_rail, p_reason, p_actor, p_at, p_at);
    END IF;
    RETURN changed IS NOT NULL;
END $$;

REVOKE ALL ON FUNCTION is_end_agreed_v1, is_file_answered_v1, is_refusal_agreed_v1, recall_payout_v1, start_settlement_v1, approve_settlement_v1, post_settled_v1, pay_item_v1, finish_settlement_v1, move_payout_v1,
    reroute_payout_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION start_settlement_v1, approve_settlement_v1, pay_item_v1, finish_settlement_v1, move_payout_v1,
    reroute_payout_v1, recall_payout_v1 TO :app_role;
