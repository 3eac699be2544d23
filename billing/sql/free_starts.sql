-- Free starts: the first time that an organization is given test money. A farmer would make organization after organization; so a
-- start leaves marks of the person, of the network that it was asked from, and of the cards that the organization pays with, and
-- who has left too many is refused. One card has one start, by the unique index. Operators let anybody in, with a reason.

-- Cards that organizations paid with, by Stripe's name for the same card wherever it is used.
CREATE TABLE IF NOT EXISTS stripe_card (
    organization_id bigint NOT NULL REFERENCES accounts_organization,
    fingerprint     text NOT NULL,
    seen_at         timestamptz NOT NULL,
    PRIMARY KEY (organization_id, fingerprint),
    CONSTRAINT stripe_card_is_named CHECK (fingerprint <> '')
);

CREATE TABLE IF NOT EXISTS free_start (
    id              bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    uid             uuid NOT NULL UNIQUE,
    organization_id bigint NOT NULL UNIQUE REFERENCES accounts_organization,
    origin          text NOT NULL,
    actor           text NOT NULL,
    reason          text NOT NULL,
    made_at         timestamptz NOT NULL,
    CONSTRAINT free_start_is_sound CHECK (origin IN ('ASKED', 'OPERATOR') AND (origin = 'OPERATOR') = (reason ~ '\S') AND actor <> '')
);

-- A network is a keyed hash, and forgotten when it counts no more.
CREATE TABLE IF NOT EXISTS free_start_mark (
    start_id   bigint NOT NULL REFERENCES free_start,
    kind       text NOT NULL,
    mark       text NOT NULL,
    made_at    timestamptz NOT NULL,
    kept_until timestamptz,
    PRIMARY KEY (start_id, kind, mark),
    CONSTRAINT free_start_mark_is_sound CHECK (kind IN ('PERSON', 'NETWORK', 'CARD') AND mark <> ''
        AND (kind = 'NETWORK') = (kept_until IS NOT NULL)
        AND (kept_until IS NULL OR kept_until BETWEEN made_at AND made_at + interval '366 days'))
);
CREATE UNIQUE INDEX IF NOT EXISTS free_start_mark_card ON free_start_mark (mark) WHERE kind = 'CARD';
CREATE INDEX IF NOT EXISTS free_start_mark_counted ON free_start_mark (kind, mark, made_at);

-- Who has test money has started, whenever that was.
INSERT INTO free_start (uid, organization_id, origin, actor, reason, made_at)
SELECT gen_random_uuid(), a.organization_id, 'ASKED', 'system:upgrade', '', now()
  FROM ledger_account a WHERE a.purpose = 'WALLET' AND a.currency = 'XTS'
ON CONFLICT DO NOTHING;

-- Let an organization start: STARTED, KNOWN (it had before), or PERSON, NETWORK, CARD: whose marks are too many.
CREATE OR REPLACE FUNCTION free_start_v1(p_uid uuid, p_organization bigint, p_actor text, p_person text, p_network text,
        p_person_most integer, p_network_most integer, p_days integer, p_now timestamptz) RETURNS text
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    started bigint;
    since timestamptz := p_now - make_interval(days => p_days);
BEGIN
    IF EXISTS (SELECT FROM free_start WHERE organization_id = p_organization) THEN
        RETURN 'KNOWN';
    END IF;
    -- Of two at once the second counts the first.
    PERFORM pg_advisory_xact_lock(hashtext('free_start'));
    IF p_person <> '' AND p_person_most <= (
            SELECT count(*) FROM free_start_mark WHERE kind = 'PERSON' AND mark = p_person AND made_at > since) THEN
        RETURN 'PERSON';
    END IF;
    IF p_network <> '' AND p_network_most <= (
            SELECT count(*) FROM free_start_mark WHERE kind = 'NETWORK' AND mark = p_network AND made_at > since) THEN
        RETURN 'NETWORK';
    END IF;
    IF EXISTS (SELECT FROM stripe_card c JOIN free_start_mark m ON m.kind = 'CARD' AND m.mark = c.fingerprint
                WHERE c.organization_id = p_organization) THEN
        RETURN 'CARD';
    END IF;
    INSERT INTO free_start (uid, organization_id, origin, actor, reason, made_at)
    VALUES (p_uid, p_organization, 'ASKED', p_actor, '', p_now) RETURNING id INTO started;
    INSERT INTO free_start_mark (start_id, kind, mark, made_at, kept_until)
    SELECT started, 'PERSON', p_person, p_now, NULL WHERE p_person <> ''
    UNION ALL SELECT started, 'NETWORK', p_network, p_now, p_now + make_interval(days => p_days) WHERE p_network <> ''
    UNION ALL SELECT started, 'CARD', c.fingerprint, p_now, NULL FROM stripe_card c WHERE c.organization_id = p_organization;
    RETURN 'STARTED';
END $$;

-- An operator lets an organization start; gives nothing if it has.
CREATE OR REPLACE FUNCTION free_start_by_hand_v1(p_uid uuid, p_organization bigint, p_actor text, p_reason text, p_now timestamptz)
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO free_start (uid, organization_id, origin, actor, reason, made_at)
    VALUES (p_uid, p_organization, 'OPERATOR', p_actor, p_reason, p_now) ON CONFLICT (organization_id) DO NOTHING RETURNING id
$$;

-- A card that an organization paid with; it marks the organization's start, unless it has marked another's.
CREATE OR REPLACE FUNCTION note_card_v1(p_organization bigint, p_fingerprint text, p_now timestamptz) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO stripe_card (organization_id, fingerprint, seen_at) VALUES (p_organization, p_fingerprint, p_now)
    ON CONFLICT DO NOTHING;
    INSERT INTO free_start_mark (start_id, kind, mark, made_at)
    SELECT id, 'CARD', p_fingerprint, p_now FROM free_start WHERE organization_id = p_organization AND origin = 'ASKED'
    ON CONFLICT DO NOTHING;
$$;

-- Forget networks that count no more; gives how many.
CREATE OR REPLACE FUNCTION forget_networks_v1(p_now timestamptz) RETURNS bigint
LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    WITH gone AS (DELETE FROM free_start_mark WHERE kind = 'NETWORK' AND kept_until <= p_now RETURNING 1)
    SELECT count(*) FROM gone
$$;

REVOKE ALL ON stripe_card, free_start, free_start_mark FROM PUBLIC, :app_role;
GRANT SELECT ON stripe_card, free_start, free_start_mark TO :app_role;
REVOKE ALL ON FUNCTION free_start_v1, free_start_by_hand_v1, note_card_v1, forget_networks_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION free_start_v1, free_start_by_hand_v1, note_card_v1, forget_networks_v1 TO :app_role;
