-- Direct upstreams: addresses of providers' own.

-- An operator admitted one address of one node. Another address has to be looked at anew, whoever writes it.
CREATE OR REPLACE FUNCTION keep_upstream_admitted() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.node_id <> OLD.node_id OR NEW.uid <> OLD.uid THEN
        RAISE EXCEPTION 'an upstream stays with its node' USING ERRCODE = 'restrict_violation';
    END IF;
    IF NEW.state = 'ADMITTED' AND NEW.url <> OLD.url THEN
        RAISE EXCEPTION 'a new address has to be admitted' USING ERRCODE = 'restrict_violation';
    END IF;
    RETURN NEW;
END $$;
CREATE OR REPLACE TRIGGER upstream_admitted BEFORE UPDATE ON direct_upstream
    FOR EACH ROW EXECUTE FUNCTION keep_upstream_admitted();

CREATE OR REPLACE TRIGGER upstream_tells_the_book AFTER INSERT OR UPDATE OR DELETE ON direct_upstream
    FOR EACH STATEMENT EXECUTE FUNCTION notify_book();

-- What may be called: admitted addresses of active nodes, and how many attempts run there for all gateways.
CREATE OR REPLACE FUNCTION upstreams_v1()
RETURNS TABLE (node_id bigint, node_uid uuid, uid uuid, url text, slots int, credential bytea, running int)
LANGUAGE sql STABLE SET search_path = public, pg_temp AS $$
    SELECT n.id, n.uid, u.uid, u.url, u.slots, u.credential, coalesce(r.attempts, 0)::int
      FROM direct_upstream u JOIN node n ON n.id = u.node_id
      LEFT JOIN (SELECT a.node_id, count(*) AS attempts FROM attempt a WHERE a.state = 'RUNNING' GROUP BY a.node_id) r
             ON r.node_id = n.id
     WHERE u.state = 'ADMITTED' AND n.state = 'ACTIVE'
     ORDER BY u.id
$$;
REVOKE ALL ON FUNCTION upstreams_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION upstreams_v1 TO :app_role;
