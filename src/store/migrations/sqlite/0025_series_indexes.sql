-- Series of a district, of a level, and page by page, without reading the whole panel or all forecasts of a run.
CREATE INDEX series_by_district ON series (basis, district, topic);
CREATE INDEX series_by_level ON series (basis, topic_depth, district_depth, id);
CREATE INDEX series_by_basis ON series (basis, id);
