-- Every entry sums to zero in each of its currencies.
SELECT entry_id, currency, sum(amount) AS off
  FROM posting GROUP BY entry_id, currency HAVING sum(amount) <> 0 ORDER BY entry_id, currency
