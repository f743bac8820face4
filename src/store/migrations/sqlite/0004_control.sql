-- When tickets became known: net numbers by the day they are of and the local day they were read, for nowcasts.
CREATE TABLE arrivals (
    source INTEGER NOT NULL, day INTEGER NOT NULL, arrived INTEGER NOT NULL, n BIGINT NOT NULL,
    PRIMARY KEY (source, day, arrived)
) WITHOUT ROWID;

-- What people said of alerts. Rows are only added: the newest of an alert counts, the others are its history.
CREATE TABLE verdicts (
    alert TEXT NOT NULL, at BIGINT NOT NULL, verdict TEXT NOT NULL, cause TEXT, author TEXT NOT NULL, note TEXT,
    PRIMARY KEY (alert, at)
) WITHOUT ROWID;

-- Alarm thresholds chosen from verdicts. Rows are only added: the newest of a kind counts.
CREATE TABLE thresholds (
    kind TEXT NOT NULL, at BIGINT NOT NULL, alpha DOUBLE PRECISION NOT NULL, author TEXT NOT NULL,
    reviewed BIGINT NOT NULL, useful BIGINT NOT NULL,
    PRIMARY KEY (kind, at)
) WITHOUT ROWID;
