DROP FUNCTION IF EXISTS fold_income_v1, place_income_v1;
DROP TABLE IF EXISTS income_day, income_cursor;
