-- Defines the answer, but takes far too long.
SELECT
  s.id AS sale_id,
  s.product_id AS product_id,
  s.sold_at AS sold_at,
  (SELECT sum(e.quantity) FROM sale AS e
    WHERE e.product_id = s.product_id AND e.sold_at <= s.sold_at) AS sold_so_far,
  (SELECT count(DISTINCT e.customer_id) FROM sale AS e
    WHERE e.product_id = s.product_id AND e.sold_at <= s.sold_at) AS customers_so_far,
  (SELECT p.cents FROM price AS p
    WHERE p.product_id = s.product_id AND p.from_at <= s.sold_at
    ORDER BY p.from_at DESC, p.id DESC LIMIT 1) AS list_cents,
  (SELECT count(*) FROM sale AS o
    WHERE o.product_id = s.product_id AND o.paid_cents > s.paid_cents) + 1 AS paid_rank,
  EXISTS (SELECT 1 FROM sale AS e
    WHERE e.customer_id = s.customer_id
      AND e.sold_at < s.sold_at AND e.sold_at >= s.sold_at - 2592000) AS is_returning
FROM sale AS s
LEFT JOIN customer AS c ON c.id = s.customer_id
WHERE s.product_id NOT IN (SELECT r.product_id FROM recall AS r WHERE r.region = c.region)
ORDER BY s.sold_at, s.id;
