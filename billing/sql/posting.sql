-- The one door through which money moves.

-- Find or open an account of the chart. `organization` is NULL for the platform's own accounts.
CREATE FUNCTION account_v1(p_purpose text, p_organization bigint, p_currency text) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    found_id bigint;
    chart account_purpose;
BEGIN
    SELECT id INTO found_id FROM ledger_account
     WHERE purpose = p_purpose AND organization_id IS NOT DISTINCT FROM p_organization AND currency = p_currency;
    IF FOUND THEN
        RETURN found_id;
    END IF;
    SELECT * INTO chart FROM account_purpose WHERE purpose = p_purpose;
    IF NOT FOUND OR chart.owned <> (p_organization IS NOT NULL) THEN
        RAISE EXCEPTION 'no account of purpose % for organization %', p_purpose, p_organization
            USING ERRCODE = 'invalid_parameter_value';
    END IF;
    INSERT INTO ledger_account (code, purpose, currency, category, organization_id)
    VALUES (concat_ws(':', chart.prefix, p_organization::text, p_currency), p_purpose, p_currency, chart.category, p_organization)
    ON CONFLICT DO NOTHING RETURNING id INTO found_id;
    IF found_id IS NULL THEN  -- another transaction opened it first
        SELECT id INTO found_id FROM ledger_account
         WHERE purpose = p_purpose AND organization_id IS NOT DISTINCT FROM p_organization AND currency = p_currency;
    END IF;
    IF p_purpose = 'WALLET' THEN
        INSERT INTO scope (kind, currency, organization_id, account_id)
        VALUES (1, p_currency, p_organization, found_id) ON CONFLICT DO NOTHING;
    END IF;
    RETURN found_id;
END $$;

-- Open or change a spending limit (`p_kind` 2 project, 3 member, 4 key); returns its scope. What was spent stays spent.
-- A ceiling below what is spent and held is refused by scope_never_overspent.
CREATE FUNCTION limit_v1(p_kind smallint, p_organization bigint, p_subject bigint, p_currency text, p_ceiling numeric)
RETURNS bigint LANGUAGE sql SECURITY DEFINER SET search_path = public, pg_temp AS $$
    INSERT INTO scope (kind, currency, organization_id, subject_id, ceiling, posted)
    VALUES (p_kind, p_currency, p_organization, p_subject, p_ceiling, p_ceiling)
    ON CONFLICT (kind, organization_id, subject_id, currency, period_start)
    DO UPDATE SET ceiling = EXCLUDED.ceiling, posted = scope.posted + EXCLUDED.ceiling - scope.ceiling
    RETURNING id
$$;

-- Post one entry. The key is claimed first: a repeat of the same movement answers the first entry, the same key for
-- another movement is refused. `p_amounts` are debits (+) and credits (-), at most nine places.
-- Raises unique_violation (key used for another movement) and whatever the ledger's rules raise.
CREATE FUNCTION post_v1(
    p_key text, p_kind text, p_actor text, p_reason text, p_happened_at timestamptz,
    p_accounts bigint[], p_amounts numeric[], p_reverses bigint DEFAULT NULL
) RETURNS TABLE (entry_id bigint, is_new boolean)
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
#variable_conflict use_column
DECLARE
    plain text := '';
    a numeric;
    print bytea;
    old_print bytea;
BEGIN
    IF cardinality(p_accounts) <> cardinality(p_amounts) OR cardinality(p_accounts) > 1000 THEN
        RAISE EXCEPTION 'one amount an account, at most 1000' USING ERRCODE = 'invalid_parameter_value';
    END IF;
    FOREACH a IN ARRAY p_amounts LOOP
        -- Neither NULL nor NaN nor infinity has a scale.
        IF coalesce(scale(a), 99) > 9 THEN
            RAISE EXCEPTION 'amounts have at most nine places' USING ERRCODE = 'invalid_parameter_value';
        END IF;
        plain := plain || ',' || trim_scale(a);  -- 1.5 and 1.500 are the same amount
    END LOOP;
    print := sha256(convert_to(concat_ws('|', p_kind, p_reverses, p_accounts::text, plain), 'UTF8'));
    INSERT INTO entry (key, fingerprint, kind, actor, reason, reverses, happened_at)
    VALUES (p_key, print, p_kind, p_actor, p_reason, p_reverses, p_happened_at)
    ON CONFLICT (key) DO NOTHING RETURNING id INTO entry_id;
    is_new := entry_id IS NOT NULL;
    IF NOT is_new THEN
        SELECT id, fingerprint INTO entry_id, old_print FROM entry WHERE key = p_key;
        IF old_print <> print THEN
            RAISE EXCEPTION '% was used for another movement', p_key
                USING ERRCODE = 'unique_violation', CONSTRAINT = 'entry_key_reused';
        END IF;
        RETURN NEXT;
        RETURN;
    END IF;
    INSERT INTO posting (entry_id, seq, account_id, currency, amount)
    SELECT post_v1.entry_id, p.seq, p.account, a.currency, p.amount
      FROM unnest(p_accounts, p_amounts) WITH ORDINALITY AS p(account, amount, seq)
      LEFT JOIN LATERAL (SELECT currency FROM ledger_account WHERE id = p.account OFFSET 0) a ON true;
    RETURN NEXT;
END $$;

REVOKE ALL ON FUNCTION account_v1, limit_v1, post_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION account_v1, limit_v1, post_v1 TO :app_role;
