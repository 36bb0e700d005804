WITH RECURSIVE numbers (number, text) AS (
  SELECT 1, 'x'
  UNION ALL
  SELECT number + 1, 'x' FROM numbers
)
SELECT max(length(text)) FROM numbers;
