-- Each folder brings a JSON array of its ancestors and itself, and counts for all of them.
-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
WITH RECURSIVE tree AS (
  SELECT id, '/' || name AS path, 0 AS depth, json_array(id) AS lineage
  FROM folder
  WHERE parent_id IS NULL
  UNION ALL
  SELECT folder.id, tree.path || '/' || folder.name, tree.depth + 1, json_insert(tree.lineage, '$[#]', folder.id)
  FROM tree
  JOIN folder ON folder.parent_id = tree.id
),
own AS MATERIALIZED (
  SELECT tree.id, tree.lineage, count(*) AS files, sum(file.bytes) AS bytes
  FROM file
  JOIN tree ON tree.id = file.folder_id
  GROUP BY tree.id
),
shares AS (
  SELECT ancestor.value AS id, sum(own.files) AS files, sum(own.bytes) AS bytes
  FROM own, json_each(own.lineage) AS ancestor
  GROUP BY ancestor.value
)
SELECT
  tree.id AS folder_id,
  path,
  depth,
  iif(files IS NULL, 0, files) AS file_count,
  iif(bytes IS NULL, 0, bytes) AS total_bytes
FROM tree
LEFT JOIN shares USING (id)
ORDER BY path
