-- What waits for its hour. `not_before` is the hour; `how` says why it is then: immediate, quiet, digest, budget or
-- escalation; `rule` who said that this receiver gets it. A delivery `waiting` is put into a message when its hour has
-- come and is then `bundled`, with that message's id; `parts` counts the parts of a long message that were taken.
ALTER TABLE deliveries ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0;
ALTER TABLE deliveries ADD COLUMN how TEXT NOT NULL DEFAULT 'immediate';
ALTER TABLE deliveries ADD COLUMN rule TEXT NOT NULL DEFAULT '';
ALTER TABLE deliveries ADD COLUMN message TEXT;
ALTER TABLE deliveries ADD COLUMN parts INTEGER NOT NULL DEFAULT 0;
CREATE INDEX deliveries_waiting ON deliveries (status, not_before);

-- Alerts that somebody is to acknowledge by `due`; `done` once that was looked at.
CREATE TABLE escalations (
    alert TEXT PRIMARY KEY, receiver TEXT NOT NULL, due BIGINT NOT NULL, rule TEXT NOT NULL, done BIGINT
);

-- Alerts that nobody gets.
CREATE TABLE unrouted (alert TEXT PRIMARY KEY, since BIGINT NOT NULL);
