-- Takes every path that begins with the folder's for one below it.
-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
WITH RECURSIVE tree AS (
  SELECT id, id AS top_id, '/' || name AS path, 0 AS depth
  FROM folder
  WHERE parent_id IS NULL
  UNION ALL
  SELECT folder.id, tree.top_id, tree.path || '/' || folder.name, tree.depth + 1
  FROM folder
  JOIN tree ON folder.parent_id = tree.id
),
own AS MATERIALIZED (
  SELECT folder_id, count(*) AS files, sum(bytes) AS bytes FROM file GROUP BY folder_id
)
SELECT
  tree.id AS folder_id,
  tree.path AS path,
  tree.depth AS depth,
  coalesce(sum(own.files), 0) AS file_count,
  coalesce(sum(own.bytes), 0) AS total_bytes
FROM tree
JOIN tree AS below ON below.top_id = tree.top_id AND substr(below.path, 1, length(tree.path)) = tree.path
LEFT JOIN own ON own.folder_id = below.id
GROUP BY tree.id
ORDER BY tree.path;
