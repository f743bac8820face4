-- Scores of rolling-origin backtests, immutable. Depths of -1 are the mean over all levels; band is `all` or leads such
-- as `1-7`; relative scores are against model `seasonal_naive`. What was run stands in the summary of the run.
CREATE TABLE backtests (
    run BIGINT NOT NULL, basis TEXT NOT NULL, model TEXT NOT NULL, topic_depth INTEGER NOT NULL, district_depth INTEGER NOT NULL,
    grain INTEGER NOT NULL, band TEXT NOT NULL, n BIGINT NOT NULL,
    mase DOUBLE PRECISION, rmsse DOUBLE PRECISION, sql DOUBLE PRECISION, wql DOUBLE PRECISION, msis DOUBLE PRECISION,
    coverage_80 DOUBLE PRECISION, coverage_95 DOUBLE PRECISION, bias DOUBLE PRECISION, incoherence DOUBLE PRECISION,
    rel_mase DOUBLE PRECISION, rel_rmsse DOUBLE PRECISION, rel_wql DOUBLE PRECISION, rel_all DOUBLE PRECISION,
    skill DOUBLE PRECISION,
    PRIMARY KEY (run, basis, model, topic_depth, district_depth, grain, band)
) WITHOUT ROWID;

-- The honesty ledger: what published forecasts were worth once their periods were closed. A row is written once, when the
-- whole band of leads has closed, by forecast run `scored_by`, and never changed: a later revision of the counts shows as
-- a difference from `actual`. Series of one tree have a row each, cells are summed over their level with series 0.
-- n counts periods; error is the sum of |actual - mean|, loss that of the quantile losses.
CREATE TABLE ledger (
    run BIGINT NOT NULL, basis TEXT NOT NULL, grain INTEGER NOT NULL, lead_from INTEGER NOT NULL, lead_to INTEGER NOT NULL,
    topic_depth INTEGER NOT NULL, district_depth INTEGER NOT NULL, series INTEGER NOT NULL, origin INTEGER NOT NULL,
    n BIGINT NOT NULL, inside_80 BIGINT NOT NULL, inside_95 BIGINT NOT NULL,
    expected DOUBLE PRECISION NOT NULL, actual DOUBLE PRECISION NOT NULL, error DOUBLE PRECISION NOT NULL,
    naive_error DOUBLE PRECISION NOT NULL, loss DOUBLE PRECISION NOT NULL, scored_by BIGINT NOT NULL,
    PRIMARY KEY (run, basis, grain, lead_from, topic_depth, district_depth, series)
) WITHOUT ROWID;
