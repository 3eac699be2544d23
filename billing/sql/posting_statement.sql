-- An entry and its postings are one statement, so that nothing is left to be checked when the transaction commits.

DROP TRIGGER entry_has_postings ON entry;
CREATE TRIGGER entry_has_postings AFTER INSERT ON entry
    REFERENCING NEW TABLE AS new_entries FOR EACH STATEMENT EXECUTE FUNCTION check_entry_has_postings();

-- Few entries reverse another; the others need no row in this index.
ALTER TABLE entry DROP CONSTRAINT entry_reverses_key;
CREATE UNIQUE INDEX entry_reverses_key ON entry (reverses) WHERE reverses IS NOT NULL;
