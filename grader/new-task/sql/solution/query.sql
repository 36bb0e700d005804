-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- {{canary}}
SELECT coalesce(sum(value), 0) AS total FROM number;
