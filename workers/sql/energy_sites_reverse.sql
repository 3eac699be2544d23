TRUNCATE energy_day;
UPDATE spend_cursor SET energy_to = 0;
ALTER TABLE energy_day DROP COLUMN site_id, DROP COLUMN charges, DROP COLUMN amount;
ALTER TABLE energy_day ADD PRIMARY KEY (organization_id, currency, day);
