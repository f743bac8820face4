-- How each topic x district came to be a hot or cold spot over the last weeks, as the newest run of detect saw it: on what is
-- more than expected, and on the counts as they are.
CREATE TABLE hotspot_classes (
    run BIGINT NOT NULL, topic INTEGER NOT NULL, district INTEGER NOT NULL,
    first_week INTEGER NOT NULL, weeks INTEGER NOT NULL,
    on_expected TEXT NOT NULL, on_counts TEXT NOT NULL, z DOUBLE PRECISION NOT NULL,
    observed DOUBLE PRECISION NOT NULL, expected DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (topic, district)
) WITHOUT ROWID;
