-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
WITH
event AS (
  -- As text, prices sort by time and id; the last one so far is the greatest.
  SELECT product_id, from_at AS at, id, 0 AS is_sale, NULL AS customer_id, NULL AS quantity, NULL AS paid_cents,
    printf('%020d|%020d|%s', from_at, id, coalesce(cents, '')) AS price
  FROM price WHERE product_id IS NOT NULL
  UNION ALL
  SELECT coalesce(product_id, 'none of ' || id), sold_at, id, 1, customer_id, quantity, paid_cents, NULL FROM sale
),
with_first AS (
  SELECT *, CASE
    WHEN customer_id IS NULL OR typeof(product_id) = 'text' THEN NULL
    WHEN at > min(at) OVER (PARTITION BY product_id, customer_id) THEN NULL
    ELSE 1.0 / count(*) OVER (PARTITION BY product_id, customer_id, at)
  END AS share_of_first
  FROM event
),
windowed AS (
  SELECT *,
    max(price) OVER (PARTITION BY product_id ORDER BY at) AS last_price,
    sum(quantity) OVER (PARTITION BY product_id ORDER BY at) AS quantity_so_far,
    total(share_of_first) OVER (PARTITION BY product_id ORDER BY at) AS customers_so_far
  FROM with_first
),
sold AS (
  SELECT *,
    count(paid_cents) OVER (
      PARTITION BY product_id ORDER BY paid_cents DESC GROUPS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
    ) AS dearer,
    count(*) OVER (
      PARTITION BY customer_id ORDER BY at RANGE BETWEEN 2592000 PRECEDING AND CURRENT ROW EXCLUDE GROUP
    ) AS recent
  FROM windowed WHERE is_sale = 1
),
named AS (
  SELECT sold.*, iif(typeof(product_id) = 'integer', product_id, NULL) AS product, region
  FROM sold LEFT JOIN customer ON customer.id = sold.customer_id
)
SELECT
  id AS sale_id,
  product AS product_id,
  at AS sold_at,
  iif(product IS NULL, NULL, quantity_so_far) AS sold_so_far,
  iif(product IS NULL, 0, CAST(round(customers_so_far) AS INTEGER)) AS customers_so_far,
  CAST(nullif(substr(last_price, 43), '') AS INTEGER) AS list_cents,
  iif(paid_cents IS NULL OR product IS NULL, 0, dearer) + 1 AS paid_rank,
  customer_id IS NOT NULL AND recent > 0 AS is_returning
FROM named
WHERE region IS NULL
  OR NOT EXISTS (SELECT 1 FROM (SELECT DISTINCT region FROM recall) AS r WHERE r.region = named.region)
  OR (product IS NOT NULL
    AND region NOT IN (SELECT r.region FROM recall AS r WHERE r.region IS NOT NULL AND r.product_id IS NULL)
    AND product || ' ' || region NOT IN (
      SELECT r.product_id || ' ' || r.region FROM recall AS r WHERE r.product_id IS NOT NULL AND r.region IS NOT NULL
    ))
ORDER BY at, id;
