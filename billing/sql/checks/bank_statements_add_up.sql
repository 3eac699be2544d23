-- Each statement of a bank begins where the one before it ended, and its lines lead to its closing balance.
SELECT s.id AS statement, s.name FROM (
    SELECT id, name, opening, closing, lag(closing) OVER (PARTITION BY account_id ORDER BY id) AS before FROM bank_statement) s
 WHERE s.opening + (SELECT coalesce(sum(l.amount), 0) FROM bank_line l WHERE l.statement_id = s.id) <> s.closing
    OR s.opening <> s.before
 ORDER BY s.id
