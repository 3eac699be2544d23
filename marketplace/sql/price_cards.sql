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
-- One look at all cards of a statement, of which there may be thousands: by index, whatever the planner last heard of the
-- table. Two inserts at once take the same next number; the unique key lets only one of them commit.
CREATE OR REPLACE FUNCTION check_new_price_cards() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp SET plan_cache_mode = force_generic_plan SET enable_seqscan = off
SET enable_hashjoin = off SET enable_mergejoin = off AS $$
DECLARE
    wrong record;
BEGIN
    SELECT n.offer_id, n.number, n.number > 1 AND before.number IS NULL AS gap, n.starts_at <= f.starts_at AS late,
           f.number AS in_force, o.unit
      INTO wrong
      FROM new_cards n
     CROSS JOIN LATERAL (SELECT unit FROM offer WHERE id = n.offer_id OFFSET 0) o
      LEFT JOIN LATERAL (SELECT c.number FROM price_card c WHERE c.offer_id = n.offer_id AND c.number = n.number - 1
                         OFFSET 0) before ON true
      LEFT JOIN LATERAL (SELECT c.number, c.starts_at FROM price_card c
                          WHERE c.offer_id = n.offer_id AND c.starts_at <= n.created_at AND c.number < n.number
                            AND c.slack_hours = 0  -- cheaper forms of a card start with it
                          ORDER BY c.starts_at DESC, c.number DESC LIMIT 1) f ON true
     WHERE n.number > 1 AND before.number IS NULL OR n.starts_at <= f.starts_at
        -- Rating multiplies every quantity by its price: a card that priced both would charge the same work twice.
        OR o.unit = 'TOKEN' AND n.chip_second_price <> 0
        OR o.unit = 'CHIP_SECOND' AND (n.input_price, n.cached_input_price, n.output_price) <> (0, 0, 0)
     LIMIT 1;
    IF wrong.gap THEN
        RAISE EXCEPTION 'price card % of offer % follows no other', wrong.number, wrong.offer_id
            USING ERRCODE = 'check_violation', CONSTRAINT = 'price_card_in_order';
    ELSIF wrong.late THEN
        RAISE EXCEPTION 'price card of offer % may not start before card % did', wrong.offer_id, wrong.in_force
            USING ERRCODE = 'check_violation', CONSTRAINT = 'price_card_in_order';
    ELSIF wrong.offer_id IS NOT NULL THEN
        RAISE EXCEPTION 'price card of offer % may only price what is sold by %', wrong.offer_id, wrong.unit
            USING ERRCODE = 'check_violation', CONSTRAINT = 'price_card_prices_its_unit';
    END IF;
    RETURN NULL;
END;
$$;

DROP TRIGGER IF EXISTS price_card_fits_in ON price_card;
DROP FUNCTION IF EXISTS check_new_price_card;
CREATE TRIGGER price_card_fits_in AFTER INSERT ON price_card
    REFERENCING NEW TABLE AS new_cards FOR EACH STATEMENT EXECUTE FUNCTION check_new_price_cards();

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
