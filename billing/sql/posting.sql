-- The one door through which money moves.

-- Find or open an account of the chart. `organization` is NULL for the platform's own accounts, which are then those of the
-- first entity; an organization's are with the entity that it deals with.
CREATE OR REPLACE FUNCTION account_v1(p_purpose text, p_organization bigint, p_currency text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found_id bigint;
    chart account_purpose;
    books text;
BEGIN
    SELECT id INTO found_id FROM ledger_account
     WHERE purpose = p_purpose AND organization_id IS NOT DISTINCT FROM p_organization AND currency = p_currency
       AND (p_organization IS NOT NULL OR entity = 'HK');
    IF FOUND THEN
        RETURN found_id;
    END IF;
    IF p_organization IS NULL THEN
        RETURN account_v2(p_purpose, p_currency, 'HK');
    END IF;
    SELECT * INTO chart FROM account_purpose WHERE purpose = p_purpose AND owned;
    IF NOT FOUND THEN
        RAISE EXCEPTION 'no account of purpose % for organization %', p_purpose, p_organization
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    -- It cannot be given to another entity from here to the commit.
    PERFORM 1 FROM accounts_organization WHERE id = p_organization FOR KEY SHARE;
    SELECT entity INTO books FROM organization_entity WHERE organization_id = p_organization;
    books := coalesce(books, 'HK');
    INSERT INTO ledger_account (code, purpose, currency, category, organization_id, entity)
    VALUES (concat_ws(':', chart.prefix, lower(nullif(books, 'HK')), p_organization::text, p_currency),
            p_purpose, p_currency, chart.category, p_organization, books)
    ON CONFLICT DO NOTHING RETURNING id INTO found_id;
    IF found_id IS NULL THEN  -- another transaction opened it first
        SELECT id INTO found_id FROM ledger_account
         WHERE purpose = p_purpose AND organization_id = p_organization AND currency = p_currency;
    END IF;
    IF p_purpose = 'WALLET' THEN
        INSERT INTO scope (kind, currency, organization_id, account_id)
        VALUES (1, p_currency, p_organization, found_id) ON CONFLICT DO NOTHING;
    END IF;
    RETURN found_id;
END $$;

-- Post one entry. The key is claimed first: a repeat of the same movement answers the first entry, the same key for
-- another movement is refused. `p_amounts` are debits (+) and credits (-), at most nine places.
-- Raises unique_violation (key used for another movement) and whatever the ledger's rules raise.
CREATE OR REPLACE FUNCTION post_v1(
    p_key text, p_kind text, p_actor text, p_reason text, p_happened_at timestamptz,
    p_accounts bigint[], p_amounts numeric[], p_reverses bigint DEFAULT NULL
) RETURNS TABLE (entry_id bigint, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    exact numeric(38, 9)[];
    repeated boolean;
BEGIN
    IF cardinality(p_accounts) <> cardinality(p_amounts) OR cardinality(p_accounts) > 1000 THEN
        RAISE EXCEPTION 'one amount an account, at most 1000' USING ERRCODE = 'invalid_parameter_value';
    ELSIF p_amounts && '{NaN,Infinity,-Infinity}'::numeric[] THEN
        RAISE EXCEPTION 'amounts are numbers' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    exact := p_amounts;  -- 1.5 and 1.500 are the same amount
    IF exact <> p_amounts THEN
        RAISE EXCEPTION 'amounts have at most nine places' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO entry (key, kind, actor, reason, reverses, happened_at, accounts, amounts)
    VALUES (p_key, p_kind, p_actor, p_reason, p_reverses, p_happened_at, p_accounts, exact)
    ON CONFLICT (key) DO NOTHING RETURNING id INTO entry_id;
    is_new := FOUND;
    IF NOT is_new THEN
        SELECT id, kind = p_kind AND reverses IS NOT DISTINCT FROM p_reverses AND accounts = p_accounts AND amounts = exact
          INTO entry_id, repeated FROM entry WHERE key = p_key;
        IF NOT repeated THEN
            RAISE EXCEPTION '% was used for another movement', p_key
                USING ERRCODE = 'unique_violation', CONSTRAINT = 'entry_key_reused';
        END IF;
    END IF;
    RETURN NEXT;
END $$;

REVOKE ALL ON FUNCTION account_v1, post_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION account_v1, post_v1 TO :app_role;
