-- The role that Grafana reads PostgreSQL with: whoever may edit a query can run any statement the role may, so it sees
-- the views of schema grafana and no table. Give it a password of its own: psql -v password=… -f reader.sql
CREATE ROLE weisu_reader LOGIN PASSWORD :'password' CONNECTION LIMIT 20;
ALTER ROLE weisu_reader SET default_transaction_read_only = on;
ALTER ROLE weisu_reader SET statement_timeout = '30s';
GRANT USAGE ON SCHEMA grafana TO weisu_reader;
GRANT SELECT ON ALL TABLES IN SCHEMA grafana TO weisu_reader;
-- Views of later versions too; run this as the role that the daemon connects with.
ALTER DEFAULT PRIVILEGES IN SCHEMA grafana GRANT SELECT ON TABLES TO weisu_reader;
