-- Coefficients of every series at the last day of a fit (little-endian 32-bit floats, one per name), which daily
-- updates follow until the next fit.
CREATE TABLE profiles (
    run BIGINT NOT NULL, series INTEGER NOT NULL, profile BLOB NOT NULL, PRIMARY KEY (run, series)
) WITHOUT ROWID;
CREATE TABLE profile_columns (
    run BIGINT NOT NULL, basis TEXT NOT NULL, names TEXT NOT NULL, PRIMARY KEY (run, basis)
) WITHOUT ROWID;
