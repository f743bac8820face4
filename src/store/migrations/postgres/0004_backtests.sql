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
);

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
);

-- The newest backtest of each basis.
CREATE VIEW grafana.v_backtest AS
SELECT b.run, to_timestamp(r.finished / 1000.0) AS tested_at, DATE '1970-01-01' + r.origin AS origin, b.basis, b.model,
       NULLIF(b.topic_depth, -1) AS topic_depth, NULLIF(b.district_depth, -1) AS district_depth,
       CASE b.grain WHEN 0 THEN 'day' ELSE 'month' END AS grain, b.band, b.n, b.mase, b.rmsse, b.sql, b.wql, b.msis,
       b.coverage_80, b.coverage_95, b.bias, b.incoherence, b.rel_mase, b.rel_rmsse, b.rel_wql, b.rel_all, b.skill
FROM backtests b
JOIN (SELECT basis, MAX(run) AS run FROM backtests GROUP BY basis) newest ON newest.run = b.run AND newest.basis = b.basis
LEFT JOIN runs r ON r.id = b.run;

-- The honesty ledger, one row a published run, band of leads and series (or level of cells).
CREATE VIEW grafana.v_scored AS
SELECT l.run, DATE '1970-01-01' + l.origin AS origin, l.basis, CASE l.grain WHEN 0 THEN 'day' ELSE 'month' END AS grain,
       l.lead_from, l.lead_to, l.topic_depth, l.district_depth, s.topic_id, s.topic, s.district_id, s.district,
       l.n, l.inside_80, l.inside_95, l.expected, l.actual, l.error, l.naive_error, l.loss, l.scored_by
FROM ledger l LEFT JOIN grafana.v_series s ON s.series_id = l.series;
