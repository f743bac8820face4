-- Daily counts of nodes that hold many cells, from the day `first` on (little-endian 32-bit integers, zstd), written by `aggregate`.
CREATE TABLE histories (
    topic INTEGER NOT NULL, district INTEGER NOT NULL, first INTEGER NOT NULL, days INTEGER NOT NULL,
    raw BYTEA NOT NULL, dedup BYTEA NOT NULL, PRIMARY KEY (topic, district)
);
CREATE INDEX histories_by_district ON histories (district, topic);
