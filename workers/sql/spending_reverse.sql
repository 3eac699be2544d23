DROP FUNCTION IF EXISTS credits_v1, key_limits_v1, key_spend_v1, spend_v1, fold_spend_v1;
DROP TABLE IF EXISTS spend_day, spend_cursor;
