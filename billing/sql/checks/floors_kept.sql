-- Nobody holds more than there is.
SELECT id AS scope_id, kind, currency, posted, held, floor FROM scope
 WHERE NOT (held >= 0 AND posted - held >= floor) OR 'NaN' IN (posted, held, floor) ORDER BY id
