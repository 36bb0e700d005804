WITH RECURSIVE tree AS (
  SELECT id, '/' || name AS path, 0 AS depth
  FROM folder
  WHERE parent_id IS NULL
  UNION ALL
  SELECT folder.id, tree.path || '/' || folder.name, tree.depth + 1
  FROM folder
  JOIN tree ON folder.parent_id = tree.id
)
SELECT
  tree.id AS folder_id,
  tree.path AS path,
  tree.depth AS depth,
  count(file.id) AS file_count,
  coalesce(sum(file.bytes), 0) AS total_bytes
FROM tree
JOIN tree AS below ON below.path = tree.path OR below.path LIKE tree.path || '/%'
LEFT JOIN file ON file.folder_id = below.id
GROUP BY tree.id
ORDER BY tree.path;
