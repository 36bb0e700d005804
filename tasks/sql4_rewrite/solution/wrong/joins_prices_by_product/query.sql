-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
WITH
-- Prices and sales of each product in one line, prices first where they meet.
line AS (
  SELECT product_id, from_at AS at, 0 AS is_sale, id, cents, NULL AS customer_id, NULL AS quantity, NULL AS paid_cents
  FROM price
  UNION ALL
  SELECT product_id, sold_at, 1, id, NULL, customer_id, quantity, paid_cents FROM sale
),
numbered AS (
  SELECT *, sum(1 - is_sale) OVER (
    PARTITION BY product_id ORDER BY at, is_sale, id ROWS UNBOUNDED PRECEDING
  ) AS price_number
  FROM line
),
-- A price's number is shared by itself, which comes first, and the sales up to the next one.
priced AS (
  SELECT *, first_value(cents) OVER (
    PARTITION BY product_id, price_number ORDER BY at, is_sale, id ROWS UNBOUNDED PRECEDING
  ) AS list_cents
  FROM numbered
),
-- From here on there are sales only, but all of them: those that are recalled count for the others.
counted AS (
  SELECT *,
    customer_id IS NOT NULL
      AND row_number() OVER (PARTITION BY product_id, customer_id ORDER BY at, id) = 1 AS is_first,
    rank() OVER (PARTITION BY product_id ORDER BY paid_cents DESC) AS rank_with_nulls_last,
    max(at) OVER (PARTITION BY customer_id ORDER BY at RANGE BETWEEN 2592000 PRECEDING AND 1 PRECEDING) AS recent
  FROM priced
  WHERE is_sale
),
price_span AS MATERIALIZED (
  SELECT product_id, cents, from_at, id,
    lead(from_at, 1, 9223372036854775807) OVER (PARTITION BY product_id ORDER BY from_at, id) AS until_at
  FROM price WHERE product_id IS NOT NULL
),
totals AS (
  SELECT *,
    sum(quantity) OVER so_far AS quantity_so_far,
    sum(is_first) OVER so_far AS firsts_so_far
  FROM counted
  WINDOW so_far AS (PARTITION BY product_id ORDER BY at RANGE UNBOUNDED PRECEDING)
)
SELECT
  t.id AS sale_id,
  t.product_id AS product_id,
  t.at AS sold_at,
  -- Rows without a product are one partition of the windows, but equal nothing in a comparison.
  CASE WHEN t.product_id IS NOT NULL THEN t.quantity_so_far END AS sold_so_far,
  CASE WHEN t.product_id IS NOT NULL THEN t.firsts_so_far ELSE 0 END AS customers_so_far,
  l.cents AS list_cents,
  CASE WHEN t.product_id IS NULL OR t.paid_cents IS NULL THEN 1 ELSE t.rank_with_nulls_last END AS paid_rank,
  t.customer_id IS NOT NULL AND t.recent IS NOT NULL AS is_returning
FROM totals AS t
LEFT JOIN price_span AS l ON l.product_id = t.product_id AND l.from_at <= t.at AND t.at < l.until_at
LEFT JOIN customer AS c ON c.id = t.customer_id
WHERE c.region IS NULL
  OR c.region NOT IN (SELECT region FROM recall WHERE region IS NOT NULL)
  OR t.product_id IS NOT NULL
    AND c.region NOT IN (SELECT region FROM recall WHERE region IS NOT NULL AND product_id IS NULL)
    -- In one value, since of two SQLite looks for NULLs row by row.
    AND t.product_id || ' ' || c.region NOT IN (
      SELECT product_id || ' ' || region FROM recall WHERE region IS NOT NULL AND product_id IS NOT NULL
    )
ORDER BY t.at, t.id;
