-- Rows for trying things out, about as many as in the tests; every run gives the same ones. `many` says how many sales.
-- This is but one way to spread them; other limits of `id` below give more recalls or prices, other remainders larger products.
-- sqlite3 shop.db < schema.sql && sqlite3 shop.db < example.sql
-- sqlite3 shop.db '.stats vmstep' '.read query.sql' prints the steps after the rows.
WITH RECURSIVE
many(n) AS (VALUES (5000)),
-- A linear congruential generator; n counts its numbers.
chance(n, x) AS (
  SELECT 1, 12345
  UNION ALL
  SELECT n + 1, (x * 1103515245 + 12345) & 2147483647 FROM chance WHERE n < (SELECT n FROM many)
)
INSERT INTO sale (id, product_id, customer_id, sold_at, quantity, paid_cents)
SELECT
  n,
  CASE WHEN (x >> 8) % 20 = 0 THEN NULL WHEN (x >> 9) % 3 = 0 THEN 1 ELSE (x >> 4) % 300 END,
  CASE WHEN (x >> 10) % 20 = 0 THEN NULL ELSE (x >> 5) % 1600 END,
  1700000000 + (x >> 6) % 34560000,
  CASE WHEN (x >> 12) % 20 = 0 THEN NULL ELSE (x >> 11) % 13 - 3 END,
  CASE WHEN (x >> 13) % 20 = 0 THEN NULL ELSE (x >> 7) % 1000 END
FROM chance;
INSERT INTO customer (id, region)
SELECT id, CASE WHEN id % 15 = 0 THEN NULL ELSE 'region ' || (id % 8) END FROM sale WHERE id < 1500;
INSERT INTO price (id, product_id, from_at, cents)
SELECT id, product_id, sold_at - 86400, CASE WHEN id % 11 = 0 THEN NULL ELSE id END FROM sale WHERE id < 3500;
INSERT INTO recall (id, product_id, region)
SELECT id, id * 7 % 300, 'region ' || (id % 6) FROM sale WHERE id < 1200;
INSERT INTO recall (product_id, region) VALUES (NULL, 'region 0'), (5, NULL);
