-- A silence holds the deadline of an alert: since when (ms since the epoch), and how long it was held before.
ALTER TABLE escalations ADD COLUMN paused BIGINT;
ALTER TABLE escalations ADD COLUMN held BIGINT NOT NULL DEFAULT 0;
