-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
WITH
known AS MATERIALIZED (
  SELECT q.id AS question_id, c.id, c.valid_from, c.valid_to, c.cents, c.recorded_at
  FROM question AS q
  JOIN rate_change AS c ON c.contract_id = q.contract_id AND c.recorded_at <= q.known_at
  WHERE c.valid_to IS NULL OR c.valid_to > c.valid_from
),
-- What holds can only change where a known change begins or ends.
border AS (
  SELECT question_id, valid_from AS day FROM known
  UNION
  SELECT question_id, valid_to FROM known WHERE valid_to IS NOT NULL
),
slice AS MATERIALIZED (
  SELECT question_id, day AS slice_from, lead(day) OVER (PARTITION BY question_id ORDER BY day) AS slice_to
  FROM border
),
ranked AS (
  SELECT s.question_id, s.slice_from, s.slice_to, k.cents, row_number() OVER (
    PARTITION BY s.question_id, s.slice_from ORDER BY k.recorded_at DESC, k.id DESC
  ) AS place
  FROM slice AS s
  JOIN known AS k ON k.question_id = s.question_id
    AND k.valid_from <= s.slice_from AND (k.valid_to IS NULL OR k.valid_to > s.slice_from)
),
rated AS (
  SELECT question_id, slice_from, slice_to, cents,
    lag(slice_to) OVER w IS NOT slice_from OR lag(cents) OVER w <> cents AS begins
  FROM ranked
  WHERE place = 1 AND cents IS NOT NULL
  WINDOW w AS (PARTITION BY question_id ORDER BY slice_from)
),
numbered AS (
  SELECT *, sum(begins) OVER (PARTITION BY question_id ORDER BY slice_from ROWS UNBOUNDED PRECEDING) AS span
  FROM rated
),
span AS MATERIALIZED (
  SELECT question_id, span, min(slice_from) AS valid_from,
    -- A slice without end is the last one of its span.
    CASE WHEN count(*) = count(slice_to) THEN max(slice_to) END AS valid_to,
    min(cents) AS cents
  FROM numbered
  GROUP BY question_id, span
),
counting AS MATERIALIZED (
  SELECT q.id AS question_id, u.day, u.units
  FROM question AS q
  JOIN usage AS u ON u.contract_id = q.contract_id AND u.recorded_at <= q.known_at
  WHERE u.id NOT IN (
    SELECT r.replaces_id FROM usage AS r
    WHERE r.contract_id = q.contract_id AND r.recorded_at <= q.known_at AND r.replaces_id IS NOT NULL
  )
)
SELECT
  s.question_id AS question_id,
  s.valid_from AS valid_from,
  s.valid_to AS valid_to,
  s.cents AS cents,
  coalesce(sum(u.units), 0) AS units,
  count(u.units) AS usages
FROM span AS s
LEFT JOIN counting AS u ON u.question_id = s.question_id
  AND u.day >= s.valid_from AND (s.valid_to IS NULL OR u.day <= s.valid_to)
GROUP BY s.question_id, s.valid_from
ORDER BY s.question_id, s.valid_from;
