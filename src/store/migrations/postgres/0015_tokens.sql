-- Who may ask and act. A token is 32 random bytes and only its SHA-256 is kept; what it was shows once, when it is made.
-- `districts` is a JSON list of names, [] for all. A revoked token stays, so that its name in the audit means one thing.
CREATE TABLE tokens (
    name TEXT PRIMARY KEY, hash TEXT NOT NULL UNIQUE, role TEXT NOT NULL, districts TEXT NOT NULL,
    created BIGINT NOT NULL, expires BIGINT, revoked BIGINT
);
