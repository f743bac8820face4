-- Alerts that a person has ended: whoever was told of one is to be told so, and the row goes when that is enqueued.
CREATE TABLE endings (alert TEXT PRIMARY KEY, since BIGINT NOT NULL);
