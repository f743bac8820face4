-- Coefficients of every series at the last day of a fit (little-endian 32-bit floats, one per name), which daily
-- updates follow until the next fit.
CREATE TABLE profiles (
    run BIGINT NOT NULL, series INTEGER NOT NULL, profile BYTEA NOT NULL, PRIMARY KEY (run, series)
);
CREATE TABLE profile_columns (
    run BIGINT NOT NULL, basis TEXT NOT NULL, names TEXT NOT NULL, PRIMARY KEY (run, basis)
);
