-- A conversion is at its quote, within its time, for whom the quote was made, and its entry moved exactly that.
SELECT c.id, c.sold, c.bought, c.mid_amount, c.entry_id
  FROM fx_conversion c JOIN fx_quote q ON q.id = c.quote_id
 WHERE q.organization_id IS DISTINCT FROM c.organization_id OR c.converted_at < q.made_at OR c.converted_at >= q.expires_at
    OR c.mid_amount <> least(c.sold, round_half_even(c.bought * q.mid, 9)) OR c.bought * q.rate > c.sold
    OR (SELECT array_agg(p.amount ORDER BY a.purpose, p.currency = q.base DESC)
          FROM posting p JOIN ledger_account a ON a.id = p.account_id
         WHERE p.entry_id = c.entry_id AND a.purpose IN ('FX_POSITION', 'WALLET'))
       IS DISTINCT FROM ARRAY[-c.mid_amount, c.bought, c.sold, -c.bought]
 ORDER BY c.id
