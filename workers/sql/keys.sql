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

-- On an empty database this is loaded before the tables that later versions added.
SET LOCAL check_function_bodies = off;

-- As key_v2, with the currencies of prices that a wallet in another one pays at a standing quote (those of the wallet opened
-- first come first), and `rates`: what a unit of these and of the wallets' own is worth in the first wallet's currency, by
-- which prices are compared; NULL where there is no quote.
CREATE OR REPLACE FUNCTION key_v3(p_digest bytea)
RETURNS TABLE (
    key_id bigint, org_id bigint, mode text, revoked boolean, expires_at timestamptz, currencies text[], exchanged text[],
    rates numeric[],
    key_requests int, key_tokens int, key_concurrent int, org_requests int, org_tokens int, org_concurrent int
)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    WITH k AS (SELECT * FROM key_v2(p_digest)), quoted AS (
        SELECT s.id AS wallet, q.base, q.quote, q.rate
          FROM k JOIN scope s ON s.organization_id = k.org_id AND s.kind = 1
          JOIN fx_standing_quote t ON t.base = s.currency
          JOIN fx_quote q ON q.id = t.quote_id AND q.expires_at > now()
         WHERE k.mode <> 'TEST'
    ), exchanged AS (
        SELECT coalesce(array_agg(x.quote ORDER BY x.wallet, x.quote), '{}') AS list FROM (
            SELECT q.quote, min(q.wallet) AS wallet FROM k, quoted q WHERE q.quote <> ALL (k.currencies) GROUP BY q.quote) x
    )
    SELECT k.key_id, k.org_id, k.mode, k.revoked, k.expires_at, k.currencies, e.list,
           ARRAY(SELECT CASE WHEN c.code = k.currencies[1] THEN 1 ELSE q.rate END
                   FROM unnest(k.currencies || e.list) WITH ORDINALITY c(code, n)
                   LEFT JOIN quoted q ON q.base = k.currencies[1] AND q.quote = c.code ORDER BY c.n),
           k.key_requests, k.key_tokens, k.key_concurrent, k.org_requests, k.org_tokens, k.org_concurrent
      FROM k CROSS JOIN exchanged e
$$;
