-- Days and moments are integers; a day's number has nothing to do with a moment's.
CREATE TABLE rate_change (
  id INTEGER PRIMARY KEY,
  contract_id INTEGER NOT NULL,
  valid_from INTEGER NOT NULL, -- first day
  valid_to INTEGER,            -- first day no longer; NULL: without end
  cents INTEGER,               -- NULL: no rate on these days
  recorded_at INTEGER NOT NULL -- moment
);
CREATE TABLE usage (
  id INTEGER PRIMARY KEY,
  contract_id INTEGER NOT NULL,
  day INTEGER NOT NULL,
  units INTEGER NOT NULL,
  recorded_at INTEGER NOT NULL, -- moment
  replaces_id INTEGER           -- the usage that this one corrects
);
CREATE TABLE question (id INTEGER PRIMARY KEY, contract_id INTEGER NOT NULL, known_at INTEGER NOT NULL);
