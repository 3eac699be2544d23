DROP FUNCTION IF EXISTS generation_v1, find_generation_v1;
DELETE FROM partitioned_table WHERE parent = 'answer_note';
DROP TABLE IF EXISTS answer_note;
