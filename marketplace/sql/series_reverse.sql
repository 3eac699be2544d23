DROP FUNCTION write_series_v1(bigint, timestamptz[], numeric[], boolean[], timestamptz, timestamptz);
DROP FUNCTION ensure_series_partitions_v1();
DROP TABLE series_point, series_correction;
DROP FUNCTION keep_series_point();
