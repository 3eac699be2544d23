-- Wallets whose owners were told that they run low; they are told again after it has been more for a while.
CREATE TABLE low_wallet (
    wallet_id bigint PRIMARY KEY,
    told_at   timestamptz NOT NULL
);
REVOKE ALL ON low_wallet FROM PUBLIC, :app_role;
GRANT SELECT, INSERT, DELETE ON low_wallet TO :app_role;
