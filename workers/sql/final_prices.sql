-- Usage of capped cards: what waits for its price to become final, and what that price was.

-- One row for each price that became final under a capped card; `per_kwh` is that of electricity.
CREATE TABLE final_price (
    id                 bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    card_id            bigint NOT NULL REFERENCES price_card (id),
    starts_at          timestamptz NOT NULL,
    ends_at            timestamptz NOT NULL,
    per_kwh            numeric NOT NULL,
    input_price        numeric(38, 18) NOT NULL,
    cached_input_price numeric(38, 18) NOT NULL,
    output_price       numeric(38, 18) NOT NULL,
    chip_second_price  numeric(38, 18) NOT NULL,
    found_at           timestamptz NOT NULL DEFAULT now(),
    CONSTRAINT final_price_is_sound CHECK (
        ends_at > starts_at AND least(input_price, cached_input_price, output_price, chip_second_price) >= 0
        AND greatest(input_price, cached_input_price, output_price, chip_second_price, per_kwh) < 'NaN'),
    CONSTRAINT final_price_once UNIQUE (card_id, starts_at, ends_at)
);
CREATE TRIGGER final_price_never_changes BEFORE UPDATE OR DELETE ON final_price FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE TRIGGER final_price_never_emptied BEFORE TRUNCATE ON final_price FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Usage that waits. `sold_at` is when its attempt began: the price of electricity at that moment is its price.
CREATE TABLE capped_usage (
    usage_id bigint PRIMARY KEY,
    card_id  bigint NOT NULL,
    sold_at  timestamptz NOT NULL
);
CREATE INDEX capped_usage_of_card ON capped_usage (card_id, sold_at);

-- Usage up to this number was looked at.
CREATE TABLE capped_cursor (
    only_one     boolean PRIMARY KEY DEFAULT true CHECK (only_one),
    collected_to bigint NOT NULL
);
CREATE INDEX price_card_capped ON price_card (id) WHERE capped;

REVOKE ALL ON final_price, capped_usage, capped_cursor FROM :app_role;
GRANT SELECT ON final_price, capped_usage, capped_cursor TO :app_role;
