-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
WITH RECURSIVE
-- An end that no day reaches stands for none.
known AS MATERIALIZED (
  SELECT q.id AS question_id, c.id AS change_id, c.recorded_at, c.cents, c.valid_from AS first_day,
    coalesce(c.valid_to, 9223372036854775807) AS end_day
  FROM question AS q, rate_change AS c
  WHERE c.contract_id = q.contract_id AND c.recorded_at <= q.known_at
    AND c.valid_from < coalesce(c.valid_to, 9223372036854775807)
),
-- Whatever overrides a change takes the days from its first one on; the change may go on where that ends.
start AS (
  SELECT question_id, change_id, recorded_at, cents, first_day, end_day, first_day AS day FROM known
  UNION
  SELECT k.question_id, k.change_id, k.recorded_at, k.cents, k.first_day, k.end_day, o.end_day
  FROM known AS k
  JOIN known AS o ON o.question_id = k.question_id AND (o.recorded_at, o.change_id) > (k.recorded_at, k.change_id)
    AND o.end_day > k.first_day AND o.end_day < k.end_day
),
piece AS MATERIALIZED (
  SELECT s.question_id, s.cents, s.day AS piece_from, coalesce((
    SELECT min(o.first_day) FROM known AS o
    WHERE o.question_id = s.question_id AND (o.recorded_at, o.change_id) > (s.recorded_at, s.change_id)
      AND o.first_day > s.day AND o.first_day < s.end_day
  ), s.end_day) AS piece_to
  FROM start AS s
  WHERE s.cents IS NOT NULL AND NOT EXISTS (
    SELECT 1 FROM known AS o
    WHERE o.question_id = s.question_id AND (o.recorded_at, o.change_id) > (s.recorded_at, s.change_id)
      AND o.first_day <= s.day AND o.end_day > s.day
  )
),
grown AS (
  SELECT question_id, cents, piece_from, piece_to FROM piece AS p
  WHERE NOT EXISTS (
    SELECT 1 FROM piece AS b WHERE b.question_id = p.question_id AND b.piece_to = p.piece_from AND b.cents = p.cents
  )
  UNION
  SELECT g.question_id, g.cents, g.piece_from, p.piece_to
  FROM grown AS g JOIN piece AS p ON p.question_id = g.question_id AND p.piece_from = g.piece_to AND p.cents = g.cents
),
span AS MATERIALIZED (
  SELECT question_id, cents, piece_from AS first_day, max(piece_to) AS end_day FROM grown
  GROUP BY question_id, cents, piece_from
),
replaced AS MATERIALIZED (
  SELECT replaces_id, min(recorded_at) AS gone_at FROM usage WHERE replaces_id IS NOT NULL GROUP BY replaces_id
)
SELECT
  s.question_id AS question_id,
  s.first_day AS valid_from,
  nullif(s.end_day, 9223372036854775807) AS valid_to,
  s.cents AS cents,
  sum(iif(x.replaces_id IS NULL AND u.id IS NOT NULL, u.units, 0)) AS units,
  count(iif(x.replaces_id IS NULL, u.id, NULL)) AS usages
FROM span AS s
JOIN question AS q ON q.id = s.question_id
LEFT JOIN usage AS u ON u.contract_id = q.contract_id AND u.recorded_at <= q.known_at
  AND u.day >= s.first_day AND u.day < s.end_day
LEFT JOIN replaced AS x ON x.replaces_id = u.id AND x.gone_at <= q.known_at
GROUP BY s.question_id, s.first_day
ORDER BY s.question_id, s.first_day;
