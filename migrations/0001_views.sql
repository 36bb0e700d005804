-- What drizzle's schema cannot say: a circular key, storage, views and comments.

ALTER TABLE "runs" ADD CONSTRAINT "runs_accepted_attempt" FOREIGN KEY ("accepted_attempt_id") REFERENCES "attempts"("id");
--> statement-breakpoint
-- Chunks and archives are compressed already; a second compression only costs time.
ALTER TABLE "trace_chunks" ALTER COLUMN "events" SET STORAGE EXTERNAL;
--> statement-breakpoint
ALTER TABLE "workspaces" ALTER COLUMN "archive" SET STORAGE EXTERNAL;
--> statement-breakpoint
CREATE VIEW "run_results" AS
SELECT
  sweeps.name AS sweep,
  cells.model_name AS model,
  cells.harness,
  cells.task_name AS task,
  runs.seed,
  runs.id AS run_id,
  runs.state,
  CASE
    WHEN attempts.ending IN ('timeout', 'agent_error') THEN attempts.ending
    WHEN grade.state IN ('passed', 'failed') THEN grade.state
  END AS outcome,
  CASE
    WHEN attempts.ending IN ('timeout', 'agent_error') THEN false
    WHEN grade.state IN ('passed', 'failed') THEN grade.state = 'passed'
  END AS passed,
  attempts.agent_seconds,
  cells.wall_seconds AS limit_seconds,
  attempts.model_calls,
  attempts.input_tokens,
  attempts.cached_tokens,
  attempts.output_tokens,
  (SELECT count(*)::integer FROM attempts AS every WHERE every.run_id = runs.id) AS attempts,
  nodes.name AS node,
  runs.reason,
  runs.accepted_attempt_id AS attempt_id,
  attempts.epoch,
  attempts.granted_at,
  attempts.ended_at,
  grade.id AS grade_id,
  grade.seconds AS grade_seconds,
  tasks.public_digest AS task_public_digest,
  tasks.hidden_digest AS task_hidden_digest,
  cells.identity AS cell_identity,
  attempts.provenance
FROM runs
JOIN cells ON cells.id = runs.cell_id
JOIN sweeps ON sweeps.id = runs.sweep_id
JOIN tasks ON tasks.id = cells.task_id
LEFT JOIN attempts ON attempts.id = runs.accepted_attempt_id
LEFT JOIN nodes ON nodes.id = attempts.node_id
LEFT JOIN LATERAL (
  SELECT grades.id, grades.state, grades.seconds
  FROM grades
  WHERE grades.attempt_id = runs.accepted_attempt_id AND grades.state IN ('passed', 'failed')
  ORDER BY grades.number DESC
  LIMIT 1
) AS grade ON true;
--> statement-breakpoint
CREATE VIEW "cell_results" AS
SELECT
  sweep,
  model,
  harness,
  task,
  count(*)::integer AS planned,
  count(passed)::integer AS valid,
  (count(*) - count(passed))::integer AS missing,
  (count(*) FILTER (WHERE passed))::integer AS passed,
  (count(*) FILTER (WHERE outcome = 'failed'))::integer AS failed,
  (count(*) FILTER (WHERE outcome = 'timeout'))::integer AS timeouts,
  (count(*) FILTER (WHERE outcome = 'agent_error'))::integer AS agent_errors,
  avg(passed::integer)::double precision AS pass_rate,
  (avg(least(agent_seconds, limit_seconds)) FILTER (WHERE passed IS NOT NULL))::double precision AS mean_seconds
FROM run_results
GROUP BY sweep, model, harness, task;
--> statement-breakpoint
COMMENT ON VIEW "run_results" IS 'One row a run (a cell and a seed) with its accepted result. Runs without one have a null outcome; their state and reason say why.';
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."outcome" IS 'passed or failed by the hidden tests; timeout or agent_error where the attempt itself failed (both count as not passed); null while there is no accepted result';
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."passed" IS 'true, false, or null while there is no accepted result';
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."agent_seconds" IS 'Wall time of the harness, by its node''s monotonic clock; a timeout''s time is a lower bound';
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."limit_seconds" IS 'Wall limit of the cell';
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."attempts" IS 'Attempts granted so far, infrastructure failures included; one of them at most is accepted';
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."cell_identity" IS 'Digest of what makes two cells comparable as far as it is known at submission';
--> statement-breakpoint
COMMENT ON VIEW "cell_results" IS 'One row a cell (model, harness, task) of a sweep: its runs counted over seeds. valid + missing = planned; pass_rate = passed / valid, null without a valid run.';
--> statement-breakpoint
COMMENT ON COLUMN "cell_results"."mean_seconds" IS 'Mean of min(agent_seconds, limit_seconds) over valid runs: what was spent';
