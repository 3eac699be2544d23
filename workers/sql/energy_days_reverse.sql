DROP TABLE IF EXISTS energy_day;
ALTER TABLE spend_cursor DROP COLUMN energy_to;
