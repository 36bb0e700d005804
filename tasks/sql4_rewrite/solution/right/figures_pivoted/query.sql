-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
WITH
-- Every figure is a row (sale, name of the figure, value), and one GROUP BY puts them side by side.
product_line AS (
  SELECT id, quantity, NULL AS cents, sold_at AS at, 1 AS kind, product_id, customer_id FROM sale WHERE product_id IS NOT NULL
  UNION ALL
  SELECT id, NULL, cents, from_at, 0, product_id, NULL FROM price WHERE product_id IS NOT NULL
),
spans AS (
  SELECT id, cents, kind, product_id, count(*) FILTER (WHERE kind = 0) OVER (
    PARTITION BY product_id ORDER BY at, kind, id ROWS UNBOUNDED PRECEDING
  ) AS span
  FROM product_line
),
customer_steps AS (
  SELECT id, product_id, at, quantity,
    customer_id IS NOT lag(customer_id) OVER (PARTITION BY product_id ORDER BY customer_id, at, id)
      AND customer_id IS NOT NULL AS is_new
  FROM product_line WHERE kind = 1
),
paid AS (
  SELECT id, row_number() OVER w - row_number() OVER (PARTITION BY product_id, paid_cents ORDER BY id) AS before
  FROM sale WHERE product_id IS NOT NULL AND paid_cents IS NOT NULL
  WINDOW w AS (PARTITION BY product_id ORDER BY paid_cents DESC, id)
),
figure AS (
  SELECT id, 'sold' AS name, sum(quantity) OVER (PARTITION BY product_id ORDER BY at) AS value FROM customer_steps
  UNION ALL
  SELECT id, 'customers', sum(is_new) OVER (PARTITION BY product_id ORDER BY at) FROM customer_steps
  UNION ALL
  SELECT id, 'list', value FROM (
    SELECT id, kind, max(CASE WHEN kind = 0 THEN cents END) OVER (PARTITION BY product_id, span) AS value FROM spans
  ) WHERE kind = 1
  UNION ALL
  SELECT id, 'dearer', before FROM paid
  UNION ALL
  SELECT id, 'recent', count(*) OVER (
    PARTITION BY customer_id ORDER BY sold_at RANGE BETWEEN 2592000 PRECEDING AND 1 PRECEDING
  ) FROM sale WHERE customer_id IS NOT NULL
),
pivoted AS MATERIALIZED (
  SELECT id,
    max(value) FILTER (WHERE name = 'sold') AS sold_so_far,
    max(value) FILTER (WHERE name = 'customers') AS customers_so_far,
    max(value) FILTER (WHERE name = 'list') AS list_cents,
    max(value) FILTER (WHERE name = 'dearer') AS dearer,
    max(value) FILTER (WHERE name = 'recent') AS recent
  FROM (SELECT * FROM figure UNION ALL SELECT id, 'sale', NULL FROM sale)
  GROUP BY id
),
hidden AS (
  SELECT region, coalesce(product_id, 'all') AS product FROM recall WHERE region IS NOT NULL
  UNION
  SELECT DISTINCT region, 'none' FROM recall WHERE region IS NOT NULL
)
SELECT
  s.id AS sale_id,
  s.product_id AS product_id,
  s.sold_at AS sold_at,
  f.sold_so_far AS sold_so_far,
  coalesce(f.customers_so_far, 0) AS customers_so_far,
  f.list_cents AS list_cents,
  coalesce(f.dearer, 0) + 1 AS paid_rank,
  coalesce(f.recent, 0) > 0 AS is_returning
FROM pivoted AS f
CROSS JOIN sale AS s ON s.id = f.id
LEFT JOIN customer AS c ON c.id = s.customer_id
WHERE c.region IS NULL
  OR c.region || ' ' || coalesce(s.product_id, 'none') NOT IN (SELECT region || ' ' || product FROM hidden)
    AND c.region || ' all' NOT IN (SELECT region || ' ' || product FROM hidden)
ORDER BY s.sold_at, s.id;
