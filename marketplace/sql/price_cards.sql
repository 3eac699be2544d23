-- Price cards are history: written once, in order, never changed. Offers keep being what cards were written for.
-- Whoever loads the book of offers hears of every change on the channel jouleport_book.

ALTER TABLE site DROP CONSTRAINT IF EXISTS site_currency_known;
ALTER TABLE site ADD CONSTRAINT site_currency_known FOREIGN KEY (currency) REFERENCES currency (code);
ALTER TABLE offer DROP CONSTRAINT IF EXISTS offer_currency_known;
ALTER TABLE offer ADD CONSTRAINT offer_currency_known FOREIGN KEY (currency) REFERENCES currency (code);

ALTER TABLE offer DROP CONSTRAINT IF EXISTS offer_site_of_its_organization;
ALTER TABLE offer ADD CONSTRAINT offer_site_of_its_organization
    FOREIGN KEY (site_id, organization_id) REFERENCES site (id, organization_id);
ALTER TABLE price_card DROP CONSTRAINT IF EXISTS price_card_currency_of_its_offer;
ALTER TABLE price_card ADD CONSTRAINT price_card_currency_of_its_offer
    FOREIGN KEY (offer_id, currency) REFERENCES offer (id, currency);

-- NaN passes every comparison with zero.
ALTER TABLE price_card DROP CONSTRAINT IF EXISTS price_card_is_finite;
ALTER TABLE price_card ADD CONSTRAINT price_card_is_finite CHECK (
    input_price < 'NaN' AND cached_input_price < 'NaN' AND output_price < 'NaN' AND chip_second_price < 'NaN');

CREATE OR REPLACE TRIGGER price_card_never_changes BEFORE UPDATE OR DELETE ON price_card
    FOR EACH ROW EXECUTE FUNCTION refuse_change();
CREATE OR REPLACE TRIGGER price_card_never_emptied BEFORE TRUNCATE ON price_card
    FOR EACH STATEMENT EXECUTE FUNCTION refuse_change();

-- Cards are numbered in the order they were written. In force is the one that started last, of several that started together
-- the highest number: so cards ahead can be overtaken by others that start at their moments, and none is ever taken back.
-- Two inserts at once compute the same next number; the unique key lets only one of them commit.
-- Runs for each of thousands of cards at once: by index, whatever the planner last heard of the table.
CREATE OR REPLACE FUNCTION check_new_price_card() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off AS $$
DECLARE
    next_number int;
    in_force_number int;
    in_force_since timestamptz;
    sold_by text;
BEGIN
    SELECT coalesce((SELECT max(c.number) FROM price_card c WHERE c.offer_id = NEW.offer_id), 0) + 1, f.number, f.starts_at, o.unit
      INTO next_number, in_force_number, in_force_since, sold_by
      FROM offer o
      LEFT JOIN LATERAL (SELECT c.number, c.starts_at FROM price_card c
                          WHERE c.offer_id = NEW.offer_id AND c.starts_at <= NEW.created_at
                          ORDER BY c.starts_at DESC, c.number DESC LIMIT 1) f ON true
     WHERE o.id = NEW.offer_id;
    IF NEW.number <> next_number THEN
        RAISE EXCEPTION 'price card of offer % must be number %', NEW.offer_id, next_number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'price_card_in_order';
    END IF;
    IF NEW.starts_at <= in_force_since THEN
        RAISE EXCEPTION 'price card of offer % may not start before card % did', NEW.offer_id, in_force_number
            USING ERRCODE = 'check_violation', CONSTRAINT = 'price_card_in_order';
    END IF;
    -- Rating multiplies every quantity by its price: a card that priced both would charge the same work twice.
    IF (sold_by = 'TOKEN' AND NEW.chip_second_price <> 0)
       OR (sold_by = 'CHIP_SECOND' AND (NEW.input_price, NEW.cached_input_price, NEW.output_price) <> (0, 0, 0)) THEN
        RAISE EXCEPTION 'price card of offer % may only price what is sold by %', NEW.offer_id, sold_by
            USING ERRCODE = 'check_violation', CONSTRAINT = 'price_card_prices_its_unit';
    END IF;
    RETURN NEW;
END;
$$;

CREATE OR REPLACE TRIGGER price_card_fits_in BEFORE INSERT ON price_card
    FOR EACH ROW EXECUTE FUNCTION check_new_price_card();

CREATE OR REPLACE FUNCTION check_offer_change() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF (NEW.id, NEW.uid, NEW.organization_id, NEW.site_id, NEW.model_id, NEW.currency, NEW.unit) IS DISTINCT FROM
       (OLD.id, OLD.uid, OLD.organization_id, OLD.site_id, OLD.model_id, OLD.currency, OLD.unit) THEN
        RAISE EXCEPTION 'offer % stays the offer its cards were written for', OLD.id
            USING ERRCODE = 'restrict_violation';
    END IF;
    IF OLD.state = 'WITHDRAWN' AND NEW.state <> 'WITHDRAWN' THEN
        RAISE EXCEPTION 'offer % was withdrawn for good', OLD.id USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END;
$$;

CREATE OR REPLACE TRIGGER offer_keeps_its_identity BEFORE UPDATE ON offer
    FOR EACH ROW EXECUTE FUNCTION check_offer_change();

CREATE OR REPLACE FUNCTION notify_book() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    PERFORM pg_notify('jouleport_book', '');
    RETURN NULL;
END;
$$;

CREATE OR REPLACE TRIGGER price_card_tells_the_book AFTER INSERT ON price_card
    FOR EACH STATEMENT EXECUTE FUNCTION notify_book();
CREATE OR REPLACE TRIGGER offer_tells_the_book AFTER INSERT OR UPDATE ON offer
    FOR EACH STATEMENT EXECUTE FUNCTION notify_book();
CREATE OR REPLACE TRIGGER site_tells_the_book AFTER UPDATE ON site
    FOR EACH STATEMENT EXECUTE FUNCTION notify_book();
CREATE OR REPLACE TRIGGER model_tells_the_book AFTER UPDATE ON model
    FOR EACH STATEMENT EXECUTE FUNCTION notify_book();

-- Jobs, cards and books of account point at these rows for ever.
REVOKE UPDATE, DELETE, TRUNCATE ON price_card FROM :app_role;
REVOKE DELETE, TRUNCATE ON offer, site, model FROM :app_role;
