-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
WITH
border(question_id, contract_id, known_at, day) AS (
  SELECT q.id, q.contract_id, q.known_at, c.valid_from
  FROM question AS q JOIN rate_change AS c USING (contract_id) WHERE c.recorded_at <= q.known_at
  UNION
  SELECT q.id, q.contract_id, q.known_at, c.valid_to
  FROM question AS q JOIN rate_change AS c USING (contract_id) WHERE c.recorded_at <= q.known_at AND c.valid_to IS NOT NULL
),
slice AS (
  SELECT *, lead(day) OVER (PARTITION BY question_id ORDER BY day) AS next_day,
    (
      SELECT c.cents FROM rate_change AS c
      WHERE c.contract_id = border.contract_id AND c.recorded_at <= border.known_at
        AND border.day >= c.valid_from AND border.day < coalesce(c.valid_to, border.day + 1)
      ORDER BY c.recorded_at DESC, c.id DESC LIMIT 1
    ) AS cents
  FROM border
),
-- Where slices of one rate follow one another, their beginnings less their lengths so far stay the same.
anchored AS (
  SELECT *, day - coalesce(sum(next_day - day) OVER (
    PARTITION BY question_id, cents ORDER BY day ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING
  ), 0) AS anchor
  FROM slice WHERE cents IS NOT NULL
),
span AS (
  SELECT question_id, contract_id, known_at, cents, min(day) AS first_day,
    CASE max(next_day IS NULL) WHEN 0 THEN max(next_day) END AS end_day
  FROM anchored GROUP BY question_id, contract_id, known_at, cents, anchor
),
usage_life AS (
  SELECT u.*, (SELECT min(r.recorded_at) FROM usage AS r WHERE r.replaces_id = u.id) AS replaced_at FROM usage AS u
),
life AS MATERIALIZED (SELECT * FROM usage_life)
SELECT
  question_id,
  first_day AS valid_from,
  end_day AS valid_to,
  cents,
  (SELECT coalesce(sum(units), 0) FROM life AS u
    WHERE u.contract_id = span.contract_id AND u.recorded_at <= known_at
      AND (replaced_at IS NULL OR replaced_at > known_at)
      AND u.day >= first_day AND (end_day IS NULL OR u.day < end_day)) AS units,
  (SELECT count(*) FROM life AS u
    WHERE u.contract_id = span.contract_id AND u.recorded_at <= known_at
      AND (replaced_at IS NULL OR replaced_at > known_at)
      AND u.day >= first_day AND (end_day IS NULL OR u.day < end_day)) AS usages
FROM span
ORDER BY question_id, first_day;
