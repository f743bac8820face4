-- What dashboards and analysts may read: views only, one wide row a period, days as DATE in the city's zone.
-- Grant a reading role USAGE on this schema and SELECT on its views, nothing else; the tables may change, these may
-- only grow. Topic 0 is "all topics", district 0 "the whole city"; their name is NULL, the board writes it.
CREATE SCHEMA grafana;

CREATE VIEW grafana.v_topic AS
WITH RECURSIVE tree (id, depth, name, path) AS (
    SELECT id, depth, name, name FROM topics WHERE parent = 0
    UNION ALL SELECT t.id, t.depth, t.name, tree.path || ' / ' || t.name FROM topics t JOIN tree ON t.parent = tree.id
)
SELECT id AS topic_id, depth AS topic_depth, name AS topic, path AS topic_path FROM tree;

CREATE VIEW grafana.v_district AS
WITH RECURSIVE tree (id, depth, name, path) AS (
    SELECT id, depth, name, name FROM districts WHERE parent = 0
    UNION ALL SELECT d.id, d.depth, d.name, tree.path || ' / ' || d.name FROM districts d JOIN tree ON d.parent = tree.id
)
SELECT id AS district_id, depth AS district_depth, name AS district, path AS district_path FROM tree;

-- Every series with its names.
CREATE VIEW grafana.v_series AS
SELECT s.id AS series_id, s.basis, s.topic AS topic_id, s.topic_depth, t.name AS topic,
       s.district AS district_id, s.district_depth, d.name AS district
FROM series s LEFT JOIN topics t ON t.id = s.topic LEFT JOIN districts d ON d.id = s.district;

-- Days anything is known of; complete is false on a gap and on a day that is still filling.
CREATE VIEW grafana.v_day AS
SELECT DATE '1970-01-01' + day AS day, bool_and(status = 'closed') AS complete FROM source_days GROUP BY day;

-- Tickets a day of every topic and district at every depth. A complete day without a row had no tickets.
CREATE VIEW grafana.v_actual AS
WITH RECURSIVE topic_above (leaf, node, depth) AS (
    SELECT id, id, depth FROM topics
    UNION ALL SELECT a.leaf, t.parent, a.depth - 1 FROM topic_above a JOIN topics t ON t.id = a.node
), district_above (leaf, node, depth) AS (
    SELECT id, id, depth FROM districts
    UNION ALL SELECT a.leaf, d.parent, a.depth - 1 FROM district_above a JOIN districts d ON d.id = a.node
)
SELECT DATE '1970-01-01' + c.day AS day, b.basis, t.node AS topic_id, t.depth AS topic_depth,
       d.node AS district_id, d.depth AS district_depth, CAST(SUM(b.n) AS BIGINT) AS n
FROM counts c
JOIN topic_above t ON t.leaf = c.topic
JOIN district_above d ON d.leaf = c.district
CROSS JOIN LATERAL (VALUES ('raw', c.raw), ('dedup', c.dedup)) AS b (basis, n)
GROUP BY c.day, b.basis, t.node, t.depth, d.node, d.depth;

-- The newest published forecast.
CREATE VIEW grafana.v_forecast AS
SELECT DATE '1970-01-01' + f.target AS day, CASE f.grain WHEN 0 THEN 'day' ELSE 'month' END AS grain,
       s.basis, s.topic_id, s.topic_depth, s.topic, s.district_id, s.district_depth, s.district,
       f.mean, f.q025, f.q10, f.q50, f.q90, f.q975,
       r.id AS run, to_timestamp(r.finished / 1000.0) AS issued_at, DATE '1970-01-01' + r.origin AS origin
FROM (SELECT * FROM runs WHERE stage = 'forecast' AND status = 'ok' ORDER BY id DESC LIMIT 1) r
JOIN forecasts f ON f.run = r.id
JOIN grafana.v_series s ON s.series_id = f.series;

-- The coming months of top-level topics and districts against last year's, largest rise first.
CREATE VIEW grafana.v_rise AS
WITH coming AS (
    SELECT * FROM grafana.v_forecast WHERE grain = 'month' AND topic_depth + district_depth = 1
), past AS MATERIALIZED (
    SELECT basis, topic_id, district_id, CAST(date_trunc('month', day) AS DATE) AS month, SUM(n) AS n
    FROM grafana.v_actual
    WHERE topic_depth + district_depth = 1 AND day >= (SELECT MIN(day) FROM coming) - 366
    GROUP BY 1, 2, 3, 4
)
SELECT c.day AS month, c.basis, CASE WHEN c.topic_depth = 1 THEN 'topic' ELSE 'district' END AS by,
       c.topic_id, c.district_id, COALESCE(c.topic, c.district) AS name,
       c.mean AS expected, c.q10, c.q90, p.n AS last_year, c.mean / NULLIF(p.n, 0) - 1 AS change
FROM coming c
LEFT JOIN past p ON p.basis = c.basis AND p.topic_id = c.topic_id AND p.district_id = c.district_id
     AND p.month = CAST(c.day - INTERVAL '1 year' AS DATE);

-- Published daily forecasts of the city and the top level held against what came, at most 28 days ahead.
CREATE VIEW grafana.v_ledger AS
WITH origins AS (
    SELECT origin, MAX(id) AS run FROM runs WHERE stage = 'forecast' AND status = 'ok' GROUP BY origin
), came AS MATERIALIZED (
    SELECT * FROM grafana.v_actual
    WHERE topic_depth + district_depth <= 1 AND day > (SELECT MIN(DATE '1970-01-01' + origin) FROM origins)
)
SELECT DATE '1970-01-01' + f.target AS day, DATE '1970-01-01' + o.origin AS origin, f.target - o.origin AS lead_days,
       s.basis, s.topic_id, s.topic_depth, s.topic, s.district_id, s.district_depth, s.district,
       COALESCE(a.n, 0) AS actual, f.mean, f.q10, f.q90, f.q025, f.q975,
       COALESCE(a.n, 0) BETWEEN f.q10 AND f.q90 AS inside_80,
       COALESCE(a.n, 0) BETWEEN f.q025 AND f.q975 AS inside_95
FROM origins o
JOIN forecasts f ON f.run = o.run AND f.grain = 0 AND f.target - o.origin <= 28
JOIN grafana.v_series s ON s.series_id = f.series AND s.topic_depth + s.district_depth <= 1
JOIN grafana.v_day k ON k.day = DATE '1970-01-01' + f.target AND k.complete
LEFT JOIN came a ON a.day = k.day AND a.basis = s.basis AND a.topic_id = s.topic_id AND a.district_id = s.district_id;

-- Backtest of the newest fit, one row a series.
CREATE VIEW grafana.v_accuracy AS
SELECT s.series_id, s.basis, s.topic_id, s.topic_depth, s.topic, s.district_id, s.district_depth, s.district,
       f.model, f.fallback, f.mase, f.rmsse, 1 - f.wql / NULLIF(f.wql_naive, 0) AS skill,
       f.coverage_80, f.coverage_95, f.scored, to_timestamp(r.finished / 1000.0) AS fitted_at
FROM (SELECT * FROM runs WHERE stage = 'fit' AND status = 'ok' ORDER BY id DESC LIMIT 1) r
JOIN fits f ON f.run = r.id
JOIN grafana.v_series s ON s.series_id = f.series;

-- Alerts as events with their grounds; timeend is empty while one is open.
CREATE VIEW grafana.v_alert_event AS
SELECT to_timestamp(a.created / 1000.0) AS time, to_timestamp(a.resolved / 1000.0) AS timeend,
       a.payload::jsonb ->> 'title' AS text, a.severity || ',' || a.kind AS tags,
       a.id, a.kind, a.lane, a.severity, a.state,
       array_position(ARRAY['low', 'medium', 'high', 'critical'], a.severity) AS severity_rank,
       a.resolved IS NULL AND a.state NOT IN ('resolved', 'closed', 'superseded', 'expired') AS open,
       DATE '1970-01-01' + a.onset AS onset, DATE '1970-01-01' + a.last_day AS last_day,
       s.basis, s.topic_id, s.topic, s.district_id, s.district,
       (a.payload::jsonb ->> 'observed')::DOUBLE PRECISION AS observed,
       (a.payload::jsonb ->> 'expected')::DOUBLE PRECISION AS expected,
       (a.payload::jsonb ->> 'upper')::DOUBLE PRECISION AS upper,
       (a.payload::jsonb ->> 'score')::DOUBLE PRECISION AS score,
       (a.payload::jsonb ->> 'lead_days')::INTEGER AS lead_days
FROM alerts a JOIN grafana.v_series s ON s.series_id = a.series;

CREATE VIEW grafana.v_run AS
SELECT id, stage, slot, status, to_timestamp(started / 1000.0) AS time, to_timestamp(finished / 1000.0) AS timeend,
       (finished - started) / 1000.0 AS duration_seconds, DATE '1970-01-01' + origin AS origin, error
FROM runs;

-- One row: how fresh everything is.
CREATE VIEW grafana.v_health AS
SELECT (SELECT MAX(day) FROM grafana.v_day WHERE complete) AS last_day,
       CURRENT_DATE - (SELECT MAX(day) FROM grafana.v_day WHERE complete) AS data_age_days,
       (SELECT MAX(timeend) FROM grafana.v_run WHERE stage = 'forecast' AND status = 'ok') AS forecast_at,
       EXTRACT(EPOCH FROM now() - (SELECT MAX(timeend) FROM grafana.v_run WHERE stage = 'forecast' AND status = 'ok'))
           AS forecast_age_seconds,
       (SELECT COUNT(*) FROM grafana.v_alert_event WHERE open) AS alerts_open,
       (SELECT COUNT(*) FROM deliveries WHERE status = 'pending') AS outbox_pending,
       (SELECT COUNT(*) FROM deliveries WHERE status = 'dead') AS outbox_dead;
