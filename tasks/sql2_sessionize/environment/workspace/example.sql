INSERT INTO setting (gap_seconds, lateness_seconds) VALUES (1800, 86400);

-- Clocks in Berlin went forward at 2023-03-26 01:00:00 UTC and back at 2023-10-29 01:00:00 UTC.
INSERT INTO zone_rule (zone, from_utc, offset_seconds) VALUES
  ('Europe/Berlin', 946684800, 3600),
  ('Europe/Berlin', 1679792400, 7200),
  ('Europe/Berlin', 1698541200, 3600);

INSERT INTO visitor (id, zone) VALUES (1, 'Europe/Berlin'), (2, 'Europe/Berlin');

INSERT INTO event (id, visitor_id, local_time, received_utc) VALUES
  -- Clocks go forward between these two: ten minutes.
  (1, 1, '2023-03-26 01:55:00', 1679792101),
  (2, 1, '2023-03-26 03:05:00', 1679792701),
  -- A time that no clock showed.
  (3, 1, '2023-03-26 02:30:00', 1679792790),
  -- The first and the second 02:30 of that night, and the second one delivered again.
  (4, 2, '2023-10-29 02:30:00', 1698539405),
  (5, 2, '2023-10-29 02:30:00', 1698543001),
  (6, 2, '2023-10-29 02:30:00', 1698549999),
  -- Comes in last, but lies between the two.
  (7, 2, '2023-10-29 02:05:00', 1698552000),
  -- Too late.
  (8, 2, '2023-10-29 02:20:00', 1698998400);
