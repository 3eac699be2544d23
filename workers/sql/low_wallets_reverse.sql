DROP TABLE low_wallet;
