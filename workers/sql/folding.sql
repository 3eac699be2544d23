-- Folding of charges into spend_day (spending.sql) and of what they used into energy_day (energy_days.sql).

-- Fold what is complete, at most `p_limit` numbers, and mark what will be; gives how many numbers were folded. Two at once
-- wait for each other. It needs a transaction of its own.
CREATE OR REPLACE FUNCTION fold_spend_v1(p_limit int) RETURNS bigint
LANGUAGE plpgsql SECURITY DEFINER SET search_path = public, pg_temp AS $$
DECLARE
    last_id bigint;
    c spend_cursor;
    upto bigint;
    energy_upto bigint;
BEGIN
    IF pg_current_xact_id_if_assigned() IS NOT NULL THEN
        RAISE EXCEPTION 'folding needs a transaction of its own' USING ERRCODE = 'invalid_transaction_state';
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext('fold_spend'));
    -- Behind the lock, or the cursor could go back to where it was before the wait; and before this transaction has a number
    -- of its own: whoever took a number of the sequence up to here is older.
    last_id := (SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM usage_id_seq);
    SELECT * INTO c FROM spend_cursor;
    c.folded_to := coalesce(c.folded_to, 0);
    c.marked_to := coalesce(c.marked_to, 0);
    upto := c.folded_to;
    -- In another cluster (a dump that was restored) none of those transactions runs any more.
    IF c.cluster IS DISTINCT FROM ledger_cluster() OR pg_snapshot_xmin(pg_current_snapshot()) > c.marked_xid THEN
        upto := least(c.marked_to, c.folded_to + p_limit);
    END IF;
    IF upto > c.folded_to THEN
        INSERT INTO spend_day AS known (organization_id, api_key_id, currency, day, amount)
        SELECT j.organization_id, j.api_key_id, k.currency, (k.rated_at AT TIME ZONE 'UTC')::date, sum(k.amount)
          FROM charge k JOIN hold h ON h.id = k.hold_id JOIN job j ON j.id = h.source
         WHERE k.usage_id > c.folded_to AND k.usage_id <= upto
         GROUP BY 1, 2, 3, 4
        ON CONFLICT (organization_id, api_key_id, currency, day) DO UPDATE SET amount = known.amount + EXCLUDED.amount;
    END IF;
    c.energy_to := coalesce(c.energy_to, 0);
    energy_upto := least(upto, c.energy_to + p_limit);
    IF energy_upto > c.energy_to THEN
        INSERT INTO energy_day AS known (organization_id, site_id, currency, day, charges, amount, kwh, it_kwh, cooling_kwh,
                                         heat_kwh, gco2e, market_gco2e, market_kwh)
        SELECT j.organization_id, o.site_id, k.currency, (k.rated_at AT TIME ZONE 'UTC')::date, count(*), sum(k.amount),
               sum(e.kwh), sum(e.it_kwh), sum(e.cooling_kwh), sum(e.heat_kwh), sum(e.gco2e), coalesce(sum(e.market_gco2e), 0),
               sum(e.market_kwh)
          FROM charge k JOIN hold h ON h.id = k.hold_id JOIN job j ON j.id = h.source
          JOIN attempt a ON a.id = j.billable_attempt_id JOIN offer o ON o.id = a.offer_id
          CROSS JOIN LATERAL (SELECT * FROM usage_energy WHERE attempt_id = j.billable_attempt_id AND usage_id = k.usage_id
                              OFFSET 0) e
         WHERE k.usage_id > c.energy_to AND k.usage_id <= energy_upto
         GROUP BY 1, 2, 3, 4
        ON CONFLICT (organization_id, site_id, currency, day) DO UPDATE
           SET charges = known.charges + EXCLUDED.charges, amount = known.amount + EXCLUDED.amount,
               kwh = known.kwh + EXCLUDED.kwh, it_kwh = known.it_kwh + EXCLUDED.it_kwh,
               cooling_kwh = known.cooling_kwh + EXCLUDED.cooling_kwh, heat_kwh = known.heat_kwh + EXCLUDED.heat_kwh,
               gco2e = known.gco2e + EXCLUDED.gco2e, market_gco2e = known.market_gco2e + EXCLUDED.market_gco2e,
               market_kwh = known.market_kwh + EXCLUDED.market_kwh;
    END IF;
    IF upto = c.marked_to THEN
        c.marked_to := last_id;
        c.marked_xid := pg_current_xact_id();
    END IF;
    INSERT INTO spend_cursor (folded_to, marked_to, marked_xid, cluster, energy_to)
    VALUES (upto, c.marked_to, c.marked_xid, ledger_cluster(), energy_upto)
    ON CONFLICT (only_one) DO UPDATE SET folded_to = EXCLUDED.folded_to, marked_to = EXCLUDED.marked_to,
                                         marked_xid = EXCLUDED.marked_xid, cluster = EXCLUDED.cluster,
                                         energy_to = EXCLUDED.energy_to;
    RETURN greatest(upto - c.folded_to, energy_upto - c.energy_to);
END $$;

REVOKE ALL ON FUNCTION fold_spend_v1 FROM PUBLIC;
GRANT EXECUTE ON FUNCTION fold_spend_v1 TO :app_role;
