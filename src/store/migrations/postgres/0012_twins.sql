-- Rows of a day that repeat another row of the same delivery: the same id, or another id with the same second, topic and
-- district.
CREATE TABLE twins (
    source INTEGER NOT NULL, day INTEGER NOT NULL, n BIGINT NOT NULL, PRIMARY KEY (source, day)
);
