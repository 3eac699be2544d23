-- An answer may be handed in by several people: where it refuses payments, the second one's word counts.
ALTER TABLE rail_answer
    DROP CONSTRAINT rail_answer_once,
    ADD CONSTRAINT rail_answer_once UNIQUE NULLS NOT DISTINCT (file_id, sha256, received_by);
