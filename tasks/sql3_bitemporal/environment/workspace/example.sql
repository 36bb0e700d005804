INSERT INTO rate_change VALUES
  (1, 7, 0, NULL, 100, 1000),
  (2, 7, 10, 20, 150, 2000),
  (3, 7, 15, 18, NULL, 3000),
  (4, 7, 20, 30, 150, 3000),
  (5, 7, 0, 5, 80, 9000);
INSERT INTO usage VALUES
  (1, 7, 9, 4, 1500, NULL),
  (2, 7, 10, 6, 1500, NULL),
  (3, 7, 16, 1, 1500, NULL),
  (4, 7, 10, 5, 2500, 2),
  (5, 7, 25, 3, 2500, NULL);
INSERT INTO question VALUES (1, 7, 2000), (2, 7, 3000);
