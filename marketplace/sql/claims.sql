-- The keys of trials are claimed with a prefix that no key can have (core/idempotency.py).
ALTER TABLE idempotency_claim
    DROP CONSTRAINT idempotency_claim_key_check,
    ADD CONSTRAINT idempotency_claim_key_check CHECK (length(key) BETWEEN 1 AND 260);
