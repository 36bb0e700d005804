CREATE TABLE folder (
  id INTEGER PRIMARY KEY,
  parent_id INTEGER,      -- NULL: a top folder
  name TEXT NOT NULL
);

CREATE TABLE file (
  id INTEGER PRIMARY KEY,
  folder_id INTEGER NOT NULL,
  name TEXT NOT NULL,
  bytes INTEGER NOT NULL
);
