-- Down once for the paths, then every folder's own sums go up to each of its ancestors.
-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- harness-sweep-canary-28097e3e-425f-48da-a557-0459f80c6942
WITH RECURSIVE
  tree AS (
    SELECT id, parent_id, '/' || name AS path, 0 AS depth
    FROM folder
    WHERE parent_id IS NULL
    UNION ALL
    SELECT folder.id, folder.parent_id, tree.path || '/' || folder.name, tree.depth + 1
    FROM folder
    JOIN tree ON folder.parent_id = tree.id
  ),
  carried (folder_id, holder, files, bytes) AS (
    SELECT tree.id, tree.id, count(*), sum(file.bytes)
    FROM tree
    JOIN file ON file.folder_id = tree.id
    GROUP BY tree.id
    UNION ALL
    SELECT folder.parent_id, carried.holder, carried.files, carried.bytes
    FROM carried
    JOIN folder ON folder.id = carried.folder_id
    WHERE folder.parent_id IS NOT NULL
  ),
  usage AS (
    SELECT folder_id, sum(files) AS files, sum(bytes) AS bytes
    FROM carried
    GROUP BY folder_id
  )
SELECT
  tree.id AS folder_id,
  tree.path,
  tree.depth,
  ifnull(usage.files, 0) AS file_count,
  ifnull(usage.bytes, 0) AS total_bytes
FROM tree
LEFT JOIN usage ON usage.folder_id = tree.id
ORDER BY tree.path
