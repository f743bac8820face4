-- Who did what, and when; rows are only added. `about` says what `subject` is a key of: alert, silence or token.
-- `author` is a token's or a receiver's name, or weisu for what the program does by itself; `via` is by which way.
CREATE TABLE audit (
    id BIGINT GENERATED ALWAYS AS IDENTITY PRIMARY KEY, at BIGINT NOT NULL, author TEXT NOT NULL, via TEXT NOT NULL,
    about TEXT NOT NULL, subject TEXT NOT NULL, action TEXT NOT NULL, from_state TEXT, to_state TEXT, detail TEXT NOT NULL
);
CREATE INDEX audit_by_subject ON audit (about, subject, id);
CREATE FUNCTION audit_keeps_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN RAISE EXCEPTION 'audit rows are only added'; END $$;
CREATE TRIGGER audit_keeps_rows BEFORE UPDATE OR DELETE OR TRUNCATE ON audit
    FOR EACH STATEMENT EXECUTE FUNCTION audit_keeps_rows();

-- What nobody is to be told of until a time. Names from the top level down as JSON, [] and NULL for any: names and not
-- keys, so that a silence holds in a rebuilt store.
CREATE TABLE silences (
    id TEXT PRIMARY KEY, fingerprint TEXT, topic TEXT NOT NULL, district TEXT NOT NULL, kind TEXT, until BIGINT NOT NULL,
    reason TEXT NOT NULL, author TEXT NOT NULL, created BIGINT NOT NULL, lifted BIGINT
);

-- The state a silenced alert goes back to.
ALTER TABLE alerts ADD COLUMN silenced_from TEXT;

-- An alert is told when the message that holds it is taken.
CREATE INDEX deliveries_by_message ON deliveries (message);
