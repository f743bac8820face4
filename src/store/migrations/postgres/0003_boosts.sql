-- What the series of a fit have in common beyond their own forecasts: one ensemble of trees a basis, as JSON.
CREATE TABLE boosts (run BIGINT NOT NULL, basis TEXT NOT NULL, boost TEXT NOT NULL, PRIMARY KEY (run, basis));
