-- Part of a benchmark's hidden half. The canary lets a trace or a training corpus be searched for leaks:
-- {{canary}}
SELECT CAST(total(value) AS INTEGER) AS total FROM number;
