-- Which tokens agents of a node sign in with: the one it has now, and earlier ones until they end. Its receipts are
-- checked against the keys pinned to any of them, for ever.
CREATE TABLE node_token (
    agent_token_id bigint PRIMARY KEY REFERENCES accounts_agenttoken (id),
    node_id        bigint NOT NULL REFERENCES node (id),
    given_at       timestamptz NOT NULL DEFAULT now(),
    ends_at        timestamptz
);
CREATE INDEX node_token_of_node ON node_token (node_id);
INSERT INTO node_token (agent_token_id, node_id, given_at) SELECT agent_token_id, id, created_at FROM node;

CREATE FUNCTION keep_node_tokens() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    INSERT INTO node_token (agent_token_id, node_id) VALUES (NEW.agent_token_id, NEW.id)
        ON CONFLICT (agent_token_id) DO NOTHING;
    RETURN NULL;
END
$$;

CREATE TRIGGER node_keeps_tokens
    AFTER INSERT OR UPDATE OF agent_token_id ON node
    FOR EACH ROW EXECUTE FUNCTION keep_node_tokens();

-- A code that an agent exchanges, with its own public key, for a token: once, and within minutes.
CREATE TABLE enrolment (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE,
    organization_id bigint NOT NULL REFERENCES accounts_organization (id),
    node_id         bigint NOT NULL REFERENCES node (id),
    digest          bytea NOT NULL UNIQUE CHECK (length(digest) = 32),
    created_at      timestamptz NOT NULL,
    expires_at      timestamptz NOT NULL,
    used_at         timestamptz,
    agent_token_id  bigint UNIQUE REFERENCES accounts_agenttoken (id),
    CONSTRAINT enrolment_is_short CHECK (expires_at <= created_at + interval '1 hour'),
    CONSTRAINT enrolment_used_in_time CHECK (used_at < expires_at),
    CONSTRAINT enrolment_used_for_a_token CHECK ((used_at IS NULL) = (agent_token_id IS NULL))
);
CREATE INDEX enrolment_of_node ON enrolment (node_id) WHERE used_at IS NULL;

CREATE FUNCTION keep_enrolment() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    IF OLD.used_at IS NOT NULL THEN
        RAISE EXCEPTION 'an enrolment code is used once'
            USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME;
    END IF;
    RETURN NEW;
END
$$;

CREATE TRIGGER enrolment_is_used_once
    BEFORE UPDATE ON enrolment
    FOR EACH ROW EXECUTE FUNCTION keep_enrolment();

-- Which relay shares out the joules of a machine with several agents. Two relays would each share out all of them.
CREATE TABLE machine_lease (
    organization_id bigint NOT NULL,
    machine_id      text NOT NULL,
    relay           text NOT NULL,
    until           timestamptz NOT NULL,
    PRIMARY KEY (organization_id, machine_id)
);

REVOKE ALL ON node_token, enrolment, machine_lease FROM :app_role;
GRANT SELECT, INSERT ON node_token, enrolment TO :app_role;
GRANT UPDATE (ends_at) ON node_token TO :app_role;
GRANT UPDATE (expires_at, used_at, agent_token_id) ON enrolment TO :app_role;
GRANT SELECT, INSERT, UPDATE, DELETE ON machine_lease TO :app_role;
