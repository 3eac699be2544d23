-- Who a key belongs to, and how much it may ask for. The limits are as they are stored: the key's own, then its
-- organization's; NULL says nothing. The gateway, which knows the platform's, puts them together.
-- key_v1 stays for gateways of the previous version, which run beside new ones while they are replaced.
CREATE OR REPLACE FUNCTION key_v2(p_digest bytea)
RETURNS TABLE (
    key_id bigint, org_id bigint, mode text, revoked boolean, expires_at timestamptz, currencies text[],
    key_requests int, key_tokens int, key_concurrent int, org_requests int, org_tokens int, org_concurrent int
)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT k.id, k.organization_id, k.mode, k.revoked_at IS NOT NULL, k.expires_at,
           coalesce((SELECT array_agg(s.currency ORDER BY s.id) FROM scope s
                      WHERE s.organization_id = k.organization_id AND s.kind = 1
                        AND (s.currency = 'XTS') = (k.mode = 'TEST')), '{}'),
           k.requests_per_minute, k.tokens_per_minute, k.concurrent_requests,
           o.key_requests_per_minute, o.key_tokens_per_minute, o.concurrent_requests
      FROM accounts_apikey k JOIN accounts_organization o ON o.id = k.organization_id
     WHERE k.digest = p_digest
$$;
