-- USDC that arrives on chain: credited to the wallet of whoever the address was given to, once, when it is deep enough.

-- Addresses of the platform's multisig wallet, given out one for each organization and never taken back.
CREATE TABLE IF NOT EXISTS chain_address (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    address         text NOT NULL UNIQUE,
    organization_id bigint UNIQUE REFERENCES accounts_organization,
    added_at        timestamptz NOT NULL,
    assigned_at     timestamptz,
    CONSTRAINT chain_address_is_sound CHECK (
        address ~ '^0x[0-9a-fA-F]{40}$' AND (organization_id IS NULL) = (assigned_at IS NULL))
);

CREATE TABLE IF NOT EXISTS chain_deposit (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    chain_id        bigint NOT NULL,
    tx_hash         text NOT NULL,
    log_index       int NOT NULL,
    block_number    bigint NOT NULL,
    block_hash      text NOT NULL,
    sender          text NOT NULL,
    recipient       text NOT NULL,
    amount          numeric(38, 9) NOT NULL,
    state           text NOT NULL DEFAULT 'SEEN',
    seen_at         timestamptz NOT NULL,
    organization_id bigint REFERENCES accounts_organization,
    entry_id        bigint UNIQUE REFERENCES entry,
    credited_at     timestamptz,
    CONSTRAINT chain_deposit_once UNIQUE (chain_id, tx_hash, log_index),
    CONSTRAINT chain_deposit_is_sound CHECK (
        tx_hash ~ '^0x[0-9a-f]{64}$' AND block_hash ~ '^0x[0-9a-f]{64}$' AND least(chain_id, log_index + 1, block_number + 1) > 0
        AND amount > 0 AND amount < 'Infinity' AND state IN ('SEEN', 'CREDITED', 'ORPHANED')
        AND (state = 'CREDITED') = (entry_id IS NOT NULL) AND (entry_id IS NULL) = (credited_at IS NULL)
        AND (organization_id IS NULL OR state = 'CREDITED'))
);
-- What waited in suspense belongs to somebody by the word of two people: the approval, and the entry to the wallet.
ALTER TABLE chain_deposit
    ADD COLUMN IF NOT EXISTS approval_id bigint REFERENCES approval,
    ADD COLUMN IF NOT EXISTS assigned_entry_id bigint UNIQUE REFERENCES entry,
    ADD COLUMN IF NOT EXISTS assigned_at timestamptz,
    DROP CONSTRAINT IF EXISTS chain_deposit_assigned,
    ADD CONSTRAINT chain_deposit_assigned CHECK (
        num_nonnulls(approval_id, assigned_entry_id, assigned_at) IN (0, 3) AND (approval_id IS NULL OR organization_id IS NOT NULL));
CREATE INDEX IF NOT EXISTS chain_deposit_seen ON chain_deposit (chain_id, block_number) WHERE state = 'SEEN';
CREATE INDEX IF NOT EXISTS chain_deposit_of ON chain_deposit (recipient, id);

-- Up to which block a chain was read.
CREATE TABLE IF NOT EXISTS chain_cursor (
    chain_id   bigint PRIMARY KEY,
    read_to    bigint NOT NULL CHECK (read_to >= 0),
    read_at    timestamptz NOT NULL
);

CREATE OR REPLACE FUNCTION keep_chain_address() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.organization_id IS NOT NULL OR NEW.address <> OLD.address THEN
        RAISE EXCEPTION 'address % was given out', OLD.address USING ERRCODE = 'restrict_violation', CONSTRAINT = 'chain_address_history';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER chain_address_history BEFORE UPDATE ON chain_address FOR EACH ROW EXECUTE FUNCTION keep_chain_address();
CREATE OR REPLACE TRIGGER chain_address_kept BEFORE DELETE ON chain_address FOR EACH ROW EXECUTE FUNCTION refuse_change();

CREATE OR REPLACE FUNCTION keep_chain_deposit() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
    acts text[] := '{organization_id,approval_id,assigned_entry_id,assigned_at}';
BEGIN
    IF OLD.state = 'CREDITED' AND OLD.organization_id IS NULL AND NEW.approval_id IS NOT NULL
       AND (to_jsonb(NEW) - acts) = (to_jsonb(OLD) - acts) THEN
        IF NOT EXISTS (
            SELECT 1 FROM approval a JOIN accounts_organization o ON o.id = NEW.organization_id
             WHERE a.id = NEW.approval_id AND a.kind = 'chain_deposit' AND a.state = 'APPROVED' AND a.subject = NEW.id::text
               AND a.canonical::jsonb ->> 'organization' = o.uid::text) THEN
            RAISE EXCEPTION 'deposit % leaves suspense by the word of two people', OLD.id
                USING ERRCODE = 'restrict_violation', CONSTRAINT = 'chain_deposit_history';
        END IF;
    ELSIF OLD.state = 'CREDITED' OR NEW.approval_id IS NOT NULL
          OR (NEW.chain_id, NEW.tx_hash, NEW.log_index) IS DISTINCT FROM (OLD.chain_id, OLD.tx_hash, OLD.log_index) THEN
        RAISE EXCEPTION 'deposit % was credited', OLD.id USING ERRCODE = 'restrict_violation', CONSTRAINT = 'chain_deposit_history';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER chain_deposit_history BEFORE UPDATE ON chain_deposit FOR EACH ROW EXECUTE FUNCTION keep_chain_deposit();
CREATE OR REPLACE TRIGGER chain_deposit_kept BEFORE DELETE ON chain_deposit FOR EACH ROW EXECUTE FUNCTION refuse_change();

-- Addresses to be given out; those that are known are left as they are. Answers how many are new.
CREATE OR REPLACE FUNCTION add_chain_addresses_v1(p_addresses text[], p_at timestamptz) RETURNS int
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    added int;
BEGIN
    INSERT INTO chain_address (address, added_at) SELECT a, p_at FROM unnest(p_addresses) WITH ORDINALITY AS x(a, place) ORDER BY place
    ON CONFLICT (address) DO NOTHING;
    GET DIAGNOSTICS added = ROW_COUNT;
    RETURN added;
END $$;

-- The address of an organization, given to it now if it has none; NULL if none is left.
CREATE OR REPLACE FUNCTION assign_chain_address_v1(p_organization bigint, p_at timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    given text;
BEGIN
    -- Two that ask at once for the same organization wait for each other here.
    PERFORM 1 FROM accounts_organization WHERE id = p_organization FOR NO KEY UPDATE;
    SELECT address INTO given FROM chain_address WHERE organization_id = p_organization;
    IF given IS NULL THEN
        UPDATE chain_address SET organization_id = p_organization, assigned_at = p_at
         WHERE id = (SELECT id FROM chain_address WHERE organization_id IS NULL ORDER BY id LIMIT 1 FOR UPDATE SKIP LOCKED)
        RETURNING address INTO given;
    END IF;
    RETURN given;
END $$;

-- Note a transfer to one of our addresses, in the block that carries it now. What was credited stays as it is.
CREATE OR REPLACE FUNCTION note_deposit_v1(
    p_chain bigint, p_tx text, p_log int, p_block bigint, p_block_hash text, p_sender text, p_recipient text, p_amount numeric, p_at timestamptz
) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO chain_deposit (chain_id, tx_hash, log_index, block_number, block_hash, sender, recipient, amount, seen_at)
    VALUES (p_chain, p_tx, p_log, p_block, p_block_hash, p_sender, p_recipient, p_amount, p_at)
    ON CONFLICT (chain_id, tx_hash, log_index) DO UPDATE
       SET block_number = excluded.block_number, block_hash = excluded.block_hash, sender = excluded.sender,
           recipient = excluded.recipient, amount = excluded.amount, state = 'SEEN'
     WHERE chain_deposit.state <> 'CREDITED'
       AND (chain_deposit.block_hash <> excluded.block_hash OR chain_deposit.state = 'ORPHANED')
$$;

-- Credit what is deep enough and still in the block it was seen in: to the wallet of whoever has the address, else to
-- suspense. Answers the entry, of a repeat too; NULL if it is in another block by now.
CREATE OR REPLACE FUNCTION credit_deposit_v1(p_deposit bigint, p_block_hash text, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    d chain_deposit;
    owner bigint;
    clearing bigint;
    credited bigint;
    made bigint;
BEGIN
    -- The business row first: a second reader waits here, and finds the entry.
    SELECT * INTO d FROM chain_deposit WHERE id = p_deposit FOR NO KEY UPDATE;
    IF d.state = 'CREDITED' THEN
        RETURN d.entry_id;
    ELSIF d.state <> 'SEEN' OR d.block_hash <> p_block_hash THEN
        RETURN NULL;
    END IF;
    SELECT organization_id INTO owner FROM chain_address WHERE address = d.recipient;
    clearing := account_v1('CLEARING_CHAIN', NULL, 'USDC');
    credited := CASE WHEN owner IS NULL THEN account_v1('SUSPENSE', NULL, 'USDC') ELSE account_v1('WALLET', owner, 'USDC') END;
    SELECT entry_id INTO made FROM post_v1(
        'topup:chain:' || d.chain_id || ':' || d.tx_hash || ':' || d.log_index, CASE WHEN owner IS NULL THEN 'DEPOSIT_UNASSIGNED' ELSE 'DEPOSIT' END,
        'system:chain', d.tx_hash, p_at, ARRAY[least(clearing, credited), greatest(clearing, credited)],
        CASE WHEN clearing < credited THEN ARRAY[d.amount, -d.amount] ELSE ARRAY[-d.amount, d.amount] END);
    UPDATE chain_deposit SET state = 'CREDITED', entry_id = made, credited_at = p_at, organization_id = owner WHERE id = d.id;
    RETURN made;
END $$;

-- Move what waits in suspense to the wallet that two people agreed on. Answers the entry, of a repeat too; NULL if it does not wait,
-- or nobody approved this owner.
CREATE OR REPLACE FUNCTION assign_deposit_v1(p_deposit bigint, p_approval bigint, p_actor text, p_at timestamptz) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    d chain_deposit;
    owner bigint;
    waits bigint;
    wallet bigint;
    made bigint;
BEGIN
    -- The business row first: a second one waits here, and finds the entry.
    SELECT * INTO d FROM chain_deposit WHERE id = p_deposit FOR NO KEY UPDATE;
    IF d.assigned_entry_id IS NOT NULL THEN
        RETURN CASE WHEN d.approval_id = p_approval THEN d.assigned_entry_id END;
    END IF;
    SELECT o.id INTO owner FROM approval a JOIN accounts_organization o ON o.uid::text = a.canonical::jsonb ->> 'organization'
     WHERE a.id = p_approval AND a.kind = 'chain_deposit' AND a.state = 'APPROVED' AND a.subject = d.id::text;
    IF owner IS NULL OR d.state <> 'CREDITED' OR d.organization_id IS NOT NULL THEN
        RETURN NULL;
    END IF;
    waits := account_v1('SUSPENSE', NULL, 'USDC');
    wallet := account_v1('WALLET', owner, 'USDC');
    SELECT entry_id INTO made FROM post_v1(
        'assigned:chain:' || d.chain_id || ':' || d.tx_hash || ':' || d.log_index, 'DEPOSIT_ASSIGNED', p_actor, d.tx_hash, p_at,
        ARRAY[least(waits, wallet), greatest(waits, wallet)],
        CASE WHEN waits < wallet THEN ARRAY[d.amount, -d.amount] ELSE ARRAY[-d.amount, d.amount] END);
    UPDATE chain_deposit SET organization_id = owner, approval_id = p_approval, assigned_entry_id = made, assigned_at = p_at
     WHERE id = d.id;
    RETURN made;
END $$;

-- It is not on the chain any more.
CREATE OR REPLACE FUNCTION orphan_deposit_v1(p_deposit bigint, p_block_hash text) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    UPDATE chain_deposit SET state = 'ORPHANED' WHERE id = p_deposit AND state = 'SEEN' AND block_hash = p_block_hash
$$;

CREATE OR REPLACE FUNCTION move_chain_cursor_v1(p_chain bigint, p_read_to bigint, p_at timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO chain_cursor (chain_id, read_to, read_at) VALUES (p_chain, p_read_to, p_at)
    ON CONFLICT (chain_id) DO UPDATE SET read_to = excluded.read_to, read_at = excluded.read_at
$$;

REVOKE ALL ON chain_address, chain_deposit, chain_cursor FROM PUBLIC, :app_role;
GRANT SELECT ON chain_address, chain_deposit, chain_cursor TO :app_role;
REVOKE ALL ON FUNCTION add_chain_addresses_v1, assign_chain_address_v1, note_deposit_v1, credit_deposit_v1, orphan_deposit_v1,
    assign_deposit_v1, move_chain_cursor_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION add_chain_addresses_v1, assign_chain_address_v1, note_deposit_v1, credit_deposit_v1, orphan_deposit_v1,
    assign_deposit_v1, move_chain_cursor_v1 TO :app_role;
