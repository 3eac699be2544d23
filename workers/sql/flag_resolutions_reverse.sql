DROP INDEX IF EXISTS attempt_offer;
