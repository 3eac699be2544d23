DROP TABLE give_back;
DELETE FROM partitioned_table WHERE parent = 'give_back';
