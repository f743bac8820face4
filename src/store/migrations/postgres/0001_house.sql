-- Days are INTEGER days since 1970-01-01 in the city's zone; instants are BIGINT milliseconds since the epoch, UTC.
-- Nothing here identifies a person: names, phones, identity numbers and address lines end at the reader.

CREATE TABLE sources (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);

CREATE TABLE topics (
    id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, depth INTEGER NOT NULL, name TEXT NOT NULL,
    UNIQUE (parent, name)
);
CREATE TABLE districts (
    id INTEGER PRIMARY KEY, parent INTEGER NOT NULL, depth INTEGER NOT NULL, name TEXT NOT NULL,
    UNIQUE (parent, name)
);

CREATE TABLE tickets (
    source INTEGER NOT NULL, id TEXT NOT NULL, version BIGINT NOT NULL, received BIGINT NOT NULL, day INTEGER NOT NULL,
    topic INTEGER NOT NULL, district INTEGER NOT NULL, closed BIGINT, is_repeat BOOLEAN NOT NULL,
    PRIMARY KEY (source, id)
);

-- Kept in step with tickets inside the ingesting transaction: raw = every ticket, dedup = repeats merged.
CREATE TABLE counts (
    source INTEGER NOT NULL, topic INTEGER NOT NULL, district INTEGER NOT NULL, day INTEGER NOT NULL,
    raw INTEGER NOT NULL, dedup INTEGER NOT NULL,
    PRIMARY KEY (source, topic, district, day)
);

-- What is known of each day of each source: closed (complete), missing (a gap, not a quiet day), open (still filling).
CREATE TABLE source_days (
    source INTEGER NOT NULL, day INTEGER NOT NULL, tickets INTEGER NOT NULL, status TEXT NOT NULL,
    PRIMARY KEY (source, day)
);

CREATE TABLE files (
    source INTEGER NOT NULL, name TEXT NOT NULL, sha256 TEXT NOT NULL, run BIGINT NOT NULL,
    PRIMARY KEY (source, sha256)
);

CREATE TABLE runs (
    id BIGINT PRIMARY KEY, stage TEXT NOT NULL, slot TEXT NOT NULL, status TEXT NOT NULL,
    started BIGINT NOT NULL, finished BIGINT, origin INTEGER, seed BIGINT NOT NULL, config_hash TEXT NOT NULL,
    version TEXT NOT NULL, summary TEXT NOT NULL, error TEXT
);
CREATE INDEX runs_by_stage ON runs (stage, status, id);

-- A node of topic tree x district tree on one basis; topic or district 0 is "all".
CREATE TABLE series (
    id INTEGER PRIMARY KEY, topic INTEGER NOT NULL, district INTEGER NOT NULL,
    topic_depth INTEGER NOT NULL, district_depth INTEGER NOT NULL, basis TEXT NOT NULL,
    UNIQUE (basis, topic, district)
);

CREATE TABLE fits (
    run BIGINT NOT NULL, series INTEGER NOT NULL, model TEXT NOT NULL, fallback TEXT, fit TEXT NOT NULL,
    mase DOUBLE PRECISION, rmsse DOUBLE PRECISION, wql DOUBLE PRECISION, wql_naive DOUBLE PRECISION,
    coverage_80 DOUBLE PRECISION, coverage_95 DOUBLE PRECISION, scored INTEGER NOT NULL,
    PRIMARY KEY (run, series)
);

-- Immutable once its run is ok. grain 0 = day, 1 = month; target is the first day of the period.
CREATE TABLE forecasts (
    run BIGINT NOT NULL, series INTEGER NOT NULL, grain INTEGER NOT NULL, target INTEGER NOT NULL,
    mean DOUBLE PRECISION NOT NULL, q025 DOUBLE PRECISION NOT NULL, q10 DOUBLE PRECISION NOT NULL,
    q50 DOUBLE PRECISION NOT NULL, q90 DOUBLE PRECISION NOT NULL, q975 DOUBLE PRECISION NOT NULL,
    PRIMARY KEY (run, series, grain, target)
);

-- What a detector said. One row for (fingerprint, window): judging a window again replaces nothing.
CREATE TABLE alarms (
    fingerprint TEXT NOT NULL, window_start INTEGER NOT NULL, window_end INTEGER NOT NULL, run BIGINT NOT NULL,
    kind TEXT NOT NULL, method TEXT NOT NULL, series INTEGER NOT NULL,
    observed DOUBLE PRECISION, expected DOUBLE PRECISION NOT NULL, bound DOUBLE PRECISION NOT NULL,
    p_value DOUBLE PRECISION NOT NULL, score DOUBLE PRECISION NOT NULL, lead_days INTEGER NOT NULL,
    severity TEXT NOT NULL, drivers TEXT NOT NULL, suppressed TEXT,
    PRIMARY KEY (fingerprint, window_start)
);
CREATE INDEX alarms_by_run ON alarms (run);

-- What people get: an alarm with a life.
CREATE TABLE alerts (
    id TEXT PRIMARY KEY, fingerprint TEXT NOT NULL, kind TEXT NOT NULL, lane TEXT NOT NULL, severity TEXT NOT NULL,
    state TEXT NOT NULL, series INTEGER NOT NULL, onset INTEGER NOT NULL, last_day INTEGER NOT NULL, judged INTEGER NOT NULL,
    quiet INTEGER NOT NULL,
    payload TEXT NOT NULL, created BIGINT NOT NULL, updated BIGINT NOT NULL, resolved BIGINT
);
CREATE INDEX alerts_by_fingerprint ON alerts (fingerprint, state);

-- The outbox. id is the webhook-id, the same over all attempts.
CREATE TABLE deliveries (
    id TEXT PRIMARY KEY, alert TEXT NOT NULL, receiver TEXT NOT NULL, event TEXT NOT NULL, body TEXT NOT NULL,
    status TEXT NOT NULL, attempts INTEGER NOT NULL, next_attempt BIGINT NOT NULL, created BIGINT NOT NULL,
    finished BIGINT, http_status INTEGER, last_error TEXT
);
CREATE INDEX deliveries_due ON deliveries (status, receiver, next_attempt);
CREATE INDEX deliveries_by_alert ON deliveries (alert, receiver, created);

-- Receivers that answered 410 Gone.
CREATE TABLE disabled_receivers (name TEXT PRIMARY KEY, since BIGINT NOT NULL, reason TEXT NOT NULL);

-- One activation a stage and local slot, over restarts and instances.
CREATE TABLE slots (
    stage TEXT NOT NULL, slot TEXT NOT NULL, due BIGINT NOT NULL, status TEXT NOT NULL, run BIGINT, finished BIGINT,
    PRIMARY KEY (stage, slot)
);

CREATE TABLE leases (
    name TEXT PRIMARY KEY, owner TEXT NOT NULL, fence BIGINT NOT NULL, expires BIGINT NOT NULL
);
