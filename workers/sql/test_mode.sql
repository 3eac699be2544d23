-- Test mode: a node that was registered as simulated serves offers in test money (XTS) and no others, and offers in test
-- money are served by such nodes only. Neither a node's kind nor an offer's currency ever changes, so it is enough to look
-- when the two are brought together.
CREATE OR REPLACE FUNCTION keep_test_apart() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    IF coalesce((SELECT n.simulated FROM node n WHERE n.id = NEW.node_id), false)
       <> (SELECT o.currency = 'XTS' FROM offer o WHERE o.id = NEW.offer_id) THEN
        RAISE EXCEPTION 'offer %: test money is for simulated nodes, and for them alone', NEW.offer_id
            USING ERRCODE = 'restrict_violation', CONSTRAINT = 'endpoint_keeps_test_apart';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER endpoint_keeps_test_apart BEFORE INSERT OR UPDATE ON endpoint
    FOR EACH ROW EXECUTE FUNCTION keep_test_apart();

CREATE OR REPLACE FUNCTION keep_simulated() RETURNS trigger
LANGUAGE plpgsql SET search_path = public, pg_temp AS $$
BEGIN
    RAISE EXCEPTION 'node % stays what it was registered as', OLD.id USING ERRCODE = 'restrict_violation';
END $$;
CREATE OR REPLACE TRIGGER node_stays_simulated BEFORE UPDATE OF simulated ON node
    FOR EACH ROW WHEN (NEW.simulated <> OLD.simulated) EXECUTE FUNCTION keep_simulated();
