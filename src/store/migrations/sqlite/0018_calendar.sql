-- The appeals calendar (民情月历): what each series with a yearly season is expected to do, as the newest detect run said
-- it; a run replaces what the one before said. Days are days since 1970-01-01. dates_of is `own`, or `city` where
-- the dates are those of the topic over the whole city; said_by is `forecast` or `past_years`. past holds past seasons,
-- newest first, as JSON.
CREATE TABLE calendar (
    run BIGINT NOT NULL, series INTEGER NOT NULL, season INTEGER NOT NULL, standing TEXT NOT NULL, begun INTEGER,
    onset INTEGER NOT NULL, onset_from INTEGER NOT NULL, onset_to INTEGER NOT NULL, probability DOUBLE PRECISION NOT NULL,
    said_by TEXT NOT NULL, timing TEXT NOT NULL, shift_days INTEGER NOT NULL,
    peak INTEGER NOT NULL, peak_expected DOUBLE PRECISION NOT NULL, peak_low DOUBLE PRECISION NOT NULL, peak_high DOUBLE PRECISION NOT NULL,
    ends INTEGER, repair_from INTEGER, repair_to INTEGER, threshold DOUBLE PRECISION NOT NULL,
    dates_of TEXT NOT NULL, share DOUBLE PRECISION, past TEXT NOT NULL,
    PRIMARY KEY (run, series)
) WITHOUT ROWID;
