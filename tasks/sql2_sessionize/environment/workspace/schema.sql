-- Exactly one row.
CREATE TABLE setting (
  gap_seconds INTEGER NOT NULL,       -- 1 or more
  lateness_seconds INTEGER NOT NULL   -- 0 or more
);

-- From the instant from_utc on, until the next row of the zone: local time = UTC + offset_seconds.
CREATE TABLE zone_rule (
  zone TEXT NOT NULL,
  from_utc INTEGER NOT NULL,
  offset_seconds INTEGER NOT NULL,
  PRIMARY KEY (zone, from_utc)
);

CREATE TABLE visitor (
  id INTEGER PRIMARY KEY,
  zone TEXT NOT NULL
);

CREATE TABLE event (
  id INTEGER PRIMARY KEY,
  visitor_id INTEGER NOT NULL,
  local_time TEXT NOT NULL,           -- what the visitor's clock showed: 'YYYY-MM-DD HH:MM:SS'
  received_utc INTEGER NOT NULL       -- when the event came in
);
