-- Trigger function of every table whose history is added to and never edited. Use it twice:
--   BEFORE UPDATE OR DELETE ... FOR EACH ROW, and BEFORE TRUNCATE ... FOR EACH STATEMENT.
CREATE OR REPLACE FUNCTION refuse_change() RETURNS trigger
LANGUAGE plpgsql
AS $$
BEGIN
    RAISE EXCEPTION '% is append-only: % refused', TG_TABLE_NAME, TG_OP
        USING ERRCODE = 'restrict_violation', TABLE = TG_TABLE_NAME;
END
$$;
