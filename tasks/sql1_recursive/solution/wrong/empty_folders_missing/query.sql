-- Joins the totals inwardly, so that folders without files have no row.
-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
WITH RECURSIVE
  reached (id, path, depth) AS (
    SELECT id, '/' || name, 0 FROM folder WHERE parent_id IS NULL
    UNION ALL
    SELECT child.id, reached.path || '/' || child.name, reached.depth + 1
    FROM reached
    JOIN folder AS child ON child.parent_id = reached.id
  ),
  below (ancestor_id, id) AS (
    SELECT id, id FROM reached
    UNION ALL
    SELECT below.ancestor_id, child.id
    FROM below
    JOIN folder AS child ON child.parent_id = below.id
  ),
  own (folder_id, file_count, bytes) AS MATERIALIZED (
    SELECT folder_id, count(*), sum(bytes) FROM file GROUP BY folder_id
  ),
  totals (folder_id, file_count, bytes) AS (
    SELECT below.ancestor_id, sum(own.file_count), sum(own.bytes)
    FROM below
    JOIN own ON own.folder_id = below.id
    GROUP BY below.ancestor_id
  )
SELECT
  reached.id AS folder_id,
  reached.path AS path,
  reached.depth AS depth,
  coalesce(totals.file_count, 0) AS file_count,
  coalesce(totals.bytes, 0) AS total_bytes
FROM reached
JOIN totals ON totals.folder_id = reached.id
ORDER BY reached.path;
