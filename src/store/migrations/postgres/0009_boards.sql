-- Views behind the boards of calendar, hotspots, accuracy and operations. As in 0002: they may only grow.

-- Tickets of each calendar month of which nine days in ten are known; the few unknown ones count as average days. Summed
-- by month at the leaves first, so that the trees are climbed with months and not with days.
CREATE VIEW grafana.v_month AS
WITH RECURSIVE topic_above (leaf, node, depth) AS (
    SELECT id, id, depth FROM topics
    UNION ALL SELECT a.leaf, t.parent, a.depth - 1 FROM topic_above a JOIN topics t ON t.id = a.node
), district_above (leaf, node, depth) AS (
    SELECT id, id, depth FROM districts
    UNION ALL SELECT a.leaf, d.parent, a.depth - 1 FROM district_above a JOIN districts d ON d.id = a.node
), known AS MATERIALIZED (
    SELECT day, CAST(date_trunc('month', DATE '1970-01-01' + day) AS DATE) AS month
    FROM source_days GROUP BY day HAVING bool_and(status = 'closed')
), whole AS MATERIALIZED (
    SELECT month, COUNT(*) AS days, CAST(EXTRACT(DAY FROM month + INTERVAL '1 month' - INTERVAL '1 day') AS INTEGER) AS all_days
    FROM known GROUP BY month
    HAVING COUNT(*) >= 0.9 * CAST(EXTRACT(DAY FROM month + INTERVAL '1 month' - INTERVAL '1 day') AS INTEGER)
), leaves AS MATERIALIZED (
    SELECT c.topic, c.district, k.month, SUM(c.raw) AS raw, SUM(c.dedup) AS dedup
    FROM counts c JOIN known k ON k.day = c.day GROUP BY c.topic, c.district, k.month
)
SELECT w.month, b.basis, t.node AS topic_id, t.depth AS topic_depth, d.node AS district_id, d.depth AS district_depth,
       CAST(SUM(b.n) * w.all_days AS DOUBLE PRECISION) / w.days AS n
FROM leaves l
JOIN whole w ON w.month = l.month
JOIN topic_above t ON t.leaf = l.topic
JOIN district_above d ON d.leaf = l.district
CROSS JOIN LATERAL (VALUES ('raw', l.raw), ('dedup', l.dedup)) AS b (basis, n)
GROUP BY w.month, w.days, w.all_days, b.basis, t.node, t.depth, d.node, d.depth;

-- The coming months of the two upper levels of topics and the first of districts. norm: mean of the same month over up
-- to three earlier years. season: the month over the mean month of the forecast, so that what returns stands out.
CREATE VIEW grafana.v_calendar AS
WITH coming AS MATERIALIZED (
    SELECT * FROM grafana.v_forecast WHERE grain = 'month' AND topic_depth <= 2 AND district_depth <= 1
), months AS MATERIALIZED (
    SELECT * FROM grafana.v_month WHERE topic_depth <= 2 AND district_depth <= 1
), past AS MATERIALIZED (
    SELECT c.day, c.basis, c.topic_id, c.district_id, AVG(m.n) AS norm, CAST(COUNT(*) AS INTEGER) AS norm_years,
           MAX(m.n) FILTER (WHERE back.years = 1) AS last_year
    FROM coming c
    CROSS JOIN generate_series(1, 3) AS back (years)
    JOIN months m ON m.month = CAST(c.day - back.years * INTERVAL '1 year' AS DATE) AND m.basis = c.basis
         AND m.topic_id = c.topic_id AND m.district_id = c.district_id
    GROUP BY c.day, c.basis, c.topic_id, c.district_id
)
SELECT c.day AS month, c.day - c.origin AS lead_days, c.basis, c.topic_id, c.topic_depth, c.topic,
       c.district_id, c.district_depth, c.district, c.mean AS expected, c.q10, c.q90,
       p.last_year, p.norm, p.norm_years, c.mean / NULLIF(p.norm, 0) - 1 AS change_norm,
       c.mean / NULLIF(p.last_year, 0) - 1 AS change_last_year,
       c.mean / NULLIF(AVG(c.mean) OVER (PARTITION BY c.basis, c.topic_id, c.district_id), 0) AS season
FROM coming c
LEFT JOIN past p ON p.day = c.day AND p.basis = c.basis AND p.topic_id = c.topic_id AND p.district_id = c.district_id;

-- What detectors said, by when the run that said it began.
CREATE VIEW grafana.v_alarm AS
SELECT to_timestamp(r.started / 1000.0) AS time, DATE '1970-01-01' + a.window_start AS window_start,
       DATE '1970-01-01' + a.window_end AS window_end, a.kind, a.method, a.severity,
       array_position(ARRAY['low', 'medium', 'high', 'critical'], a.severity) AS severity_rank,
       s.basis, s.topic_id, s.topic_depth, s.topic, s.district_id, s.district_depth, s.district,
       a.observed, a.expected, a.bound AS upper, a.p_value, a.score, a.lead_days, a.suppressed, a.run
FROM alarms a
JOIN runs r ON r.id = a.run
JOIN grafana.v_series s ON s.series_id = a.series;

-- Series of the newest fit by the model chosen and why it is not the one tried first.
CREATE VIEW grafana.v_fit_model AS
SELECT basis, model, fallback, topic_depth, district_depth, COUNT(*) AS series
FROM grafana.v_accuracy GROUP BY basis, model, fallback, topic_depth, district_depth;

-- Deliveries without their bodies.
CREATE VIEW grafana.v_delivery AS
SELECT to_timestamp(created / 1000.0) AS time, to_timestamp(finished / 1000.0) AS timeend, id, alert, receiver, event,
       status, attempts, http_status, last_error
FROM deliveries;

-- Files that ingest read, one row a file and reason for which rows were rejected; reason is empty where none was.
CREATE VIEW grafana.v_reject AS
SELECT r.time, r.run, f.value ->> 'source' AS source, f.value ->> 'file' AS file,
       CAST(f.value ->> 'rows' AS BIGINT) AS rows, CAST(f.value ->> 'rejected' AS BIGINT) AS rejected,
       x.key AS reason, CAST(x.value AS BIGINT) AS n
FROM (
    SELECT id AS run, to_timestamp(started / 1000.0) AS time,
           CASE WHEN stage = 'ingest' AND status = 'ok' THEN summary::jsonb -> 'files' END AS files
    FROM runs
) r
CROSS JOIN LATERAL jsonb_array_elements(CASE WHEN jsonb_typeof(r.files) = 'array' THEN r.files ELSE '[]' END) f
LEFT JOIN LATERAL jsonb_each_text(CASE WHEN jsonb_typeof(f.value -> 'reasons') = 'object' THEN f.value -> 'reasons' ELSE '{}' END) x
     ON true;
