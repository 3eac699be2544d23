-- What each organization's jobs used by day, folded with what they cost (folding.sql), so that a statement's totals are cheap:
-- the rows, and the charges since. Grams of the two accounts stand apart; `market_kwh` is what the market's speak of.

CREATE TABLE energy_day (
    organization_id bigint NOT NULL,
    currency        text NOT NULL,
    day             date NOT NULL,
    kwh             numeric(38, 12) NOT NULL,
    it_kwh          numeric(38, 12) NOT NULL,
    cooling_kwh     numeric(38, 12) NOT NULL,
    heat_kwh        numeric(38, 12) NOT NULL,
    gco2e           numeric(38, 9) NOT NULL,
    market_gco2e    numeric(38, 9) NOT NULL,
    market_kwh      numeric(38, 12) NOT NULL,
    PRIMARY KEY (organization_id, currency, day)
);
COMMENT ON COLUMN energy_day.day IS 'In UTC.';

-- How far energy is folded. What was folded of spending before there was this table is caught up with.
ALTER TABLE spend_cursor ADD COLUMN energy_to bigint NOT NULL DEFAULT 0;

REVOKE ALL ON energy_day FROM :app_role;
GRANT SELECT ON energy_day TO :app_role;
