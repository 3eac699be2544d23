-- Energy by day tells sites apart, and what was charged for it: what was exported as computing is a sum of it. Folded anew.
TRUNCATE energy_day;
UPDATE spend_cursor SET energy_to = 0;
ALTER TABLE energy_day DROP CONSTRAINT energy_day_pkey;
ALTER TABLE energy_day ADD COLUMN site_id bigint NOT NULL, ADD COLUMN charges bigint NOT NULL,
    ADD COLUMN amount numeric(38, 9) NOT NULL;
ALTER TABLE energy_day ADD PRIMARY KEY (organization_id, site_id, currency, day);
