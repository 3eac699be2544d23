-- What a scope is, said once: a wallet has an account and nothing of a limit, a limit the other way round. A limit lowered
-- below what is out already has room for nothing, and what is out may still settle.
ALTER TABLE scope
    DROP CONSTRAINT scope_kind_check,
    DROP CONSTRAINT scope_wallet_has_account,
    DROP CONSTRAINT scope_limit_has_ceiling,
    DROP CONSTRAINT scope_limit_is_named,
    DROP CONSTRAINT scope_limit_floor,
    ADD CONSTRAINT scope_is_sound CHECK (
        CASE WHEN kind = 1 THEN account_id IS NOT NULL AND ceiling IS NULL AND limit_id IS NULL
             ELSE kind BETWEEN 2 AND 4 AND account_id IS NULL AND ceiling IS NOT NULL AND limit_id IS NOT NULL AND floor <= 0
        END);
