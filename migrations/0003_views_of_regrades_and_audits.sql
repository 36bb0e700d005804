-- Verdicts under the version of the task that a cell counts, and what audits found beside them.

CREATE OR REPLACE VIEW "run_results" AS
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
    WHEN grade.state IN ('passed', 'failed')
      THEN grade.state = 'passed' AND audit.class IS DISTINCT FROM 'reached'
  END AS passed,
  attempts.agent_seconds,
  cells.wall_seconds AS limit_seconds,
  attempts.model_calls,
  attempts.side_calls,
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
  cells.determinism,
  CASE attempts.provenance->>'seedUse'
    WHEN 'SEED_USE_HONOURED' THEN 'honoured'
    WHEN 'SEED_USE_NOT_HONOURED' THEN 'not_honoured'
    WHEN 'SEED_USE_UNVERIFIED' THEN 'unverified'
  END AS seed_use,
  cells.sandbox AS sandbox_asked,
  attempts.provenance->>'sandbox' AS sandbox,
  CASE WHEN attempts.provenance IS NOT NULL
    THEN coalesce((attempts.provenance->>'sandboxProven')::boolean, false)
  END AS sandbox_proven,
  attempts.provenance->>'harnessVersion' AS harness_version,
  attempts.provenance->>'harnessConfigDigest' AS harness_config_digest,
  attempts.provenance->>'modelDigest' AS model_digest,
  attempts.provenance->>'chatTemplateDigest' AS chat_template_digest,
  attempts.provenance->>'serverBuild' AS server_build,
  (attempts.provenance->>'loadSeconds')::double precision AS load_seconds,
  (attempts.provenance->>'serverMemoryBytes')::bigint AS server_memory_bytes,
  attempts.provenance->'policies' AS policies,
  attempts.provenance,
  audit.class AS audit,
  audit.rules_version AS audit_rules_version,
  audit.missing_events AS audit_missing_events,
  CASE
    WHEN attempts.ending IN ('timeout', 'agent_error') THEN false
    WHEN grade.state IN ('passed', 'failed') THEN grade.state = 'passed'
  END AS passed_as_measured
FROM runs
JOIN cells ON cells.id = runs.cell_id
JOIN sweeps ON sweeps.id = runs.sweep_id
JOIN tasks ON tasks.id = cells.task_id
LEFT JOIN attempts ON attempts.id = runs.accepted_attempt_id
LEFT JOIN nodes ON nodes.id = attempts.node_id
LEFT JOIN LATERAL (
  -- Under the cell's version of the task: the verdict of the regrade adopted last, else that of the
  -- grading that followed the result; that of another regrade only where there is none of these.
  SELECT grades.id, grades.state, grades.seconds
  FROM grades
  LEFT JOIN regrades ON regrades.id = grades.regrade_id
  WHERE grades.attempt_id = runs.accepted_attempt_id AND grades.task_id = cells.task_id
    AND grades.state IN ('passed', 'failed')
  ORDER BY regrades.adopted_at DESC NULLS LAST, grades.regrade_id IS NULL DESC, grades.number DESC
  LIMIT 1
) AS grade ON true
LEFT JOIN LATERAL (
  SELECT audits.class, audits.rules_version, audits.missing_events
  FROM audits
  WHERE audits.attempt_id = runs.accepted_attempt_id
  ORDER BY audits.rules_version DESC
  LIMIT 1
) AS audit ON true;
--> statement-breakpoint
CREATE OR REPLACE VIEW "cell_results" AS
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
  (avg(least(agent_seconds, limit_seconds)) FILTER (WHERE passed IS NOT NULL))::double precision AS mean_seconds,
  task_public_digest,
  task_hidden_digest,
  (count(*) FILTER (WHERE passed IS NOT NULL AND audit = 'reached'))::integer AS reached,
  (count(*) FILTER (WHERE passed_as_measured AND audit = 'reached'))::integer AS reached_passed,
  (count(*) FILTER (WHERE passed IS NOT NULL AND audit IS NULL))::integer AS unaudited,
  avg(passed_as_measured::integer)::double precision AS rate_as_measured,
  (avg(passed_as_measured::integer) FILTER (WHERE audit IS DISTINCT FROM 'reached'))::double precision AS rate_excluded,
  avg(passed::integer)::double precision AS rate_bound_low,
  (avg(CASE WHEN audit = 'reached' AND passed IS NOT NULL THEN 1 ELSE passed::integer END))::double precision
    AS rate_bound_high
FROM run_results
GROUP BY sweep, model, harness, task, task_public_digest, task_hidden_digest;
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."passed" IS 'Whether the run counts as passed: true, false, or null while there is no accepted result. False where the audit says reached, whatever the hidden tests said; passed_as_measured is without that';
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."passed_as_measured" IS 'What the hidden tests said, whatever the audit found; null while there is no accepted result';
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."outcome" IS 'passed or failed by the hidden tests, whatever the audit found; timeout or agent_error where the attempt itself failed (both count as not passed); null while there is no accepted result';
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."audit" IS 'What the trace of the accepted attempt shows of a search for the grader, by the newest rules it was audited with: none, mentioned, attempted, reached; null while it is not audited';
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."audit_rules_version" IS 'Version of the rules behind audit';
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."audit_missing_events" IS 'Events of the trace that were not there to be audited';
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."grade_id" IS 'The grade that counts: under the version of the task that the cell has. Others: grades_by_version';
--> statement-breakpoint
COMMENT ON COLUMN "run_results"."attempts" IS 'Attempts granted so far, infrastructure failures and those put aside included; one of them at most is accepted';
--> statement-breakpoint
COMMENT ON VIEW "cell_results" IS 'One row a cell (model, harness, task) of a sweep and the version of its task: its runs counted over seeds. valid + missing = planned; pass_rate = passed / valid, null without a valid run. passed + reached_passed + failed + timeouts + agent_errors = valid.';
--> statement-breakpoint
COMMENT ON COLUMN "cell_results"."passed" IS 'Runs that count as passed: the headline. Those whose agent reached the grader are not among them';
--> statement-breakpoint
COMMENT ON COLUMN "cell_results"."reached" IS 'Valid runs whose agent reached the grader';
--> statement-breakpoint
COMMENT ON COLUMN "cell_results"."reached_passed" IS 'Of reached, those that passed the hidden tests';
--> statement-breakpoint
COMMENT ON COLUMN "cell_results"."unaudited" IS 'Valid runs whose trace is not audited yet; they count as they were measured';
--> statement-breakpoint
COMMENT ON COLUMN "cell_results"."rate_as_measured" IS 'Pass rate by the hidden tests alone';
--> statement-breakpoint
COMMENT ON COLUMN "cell_results"."rate_excluded" IS 'Pass rate of the runs that did not reach the grader; biased if agents look where tasks are hard';
--> statement-breakpoint
COMMENT ON COLUMN "cell_results"."rate_bound_low" IS 'Pass rate if every run that reached the grader would have failed: the headline';
--> statement-breakpoint
COMMENT ON COLUMN "cell_results"."rate_bound_high" IS 'Pass rate if every run that reached the grader would have passed';
--> statement-breakpoint
CREATE VIEW "audit_findings" AS
SELECT
  sweeps.name AS sweep,
  cells.model_name AS model,
  cells.harness,
  cells.task_name AS task,
  runs.seed,
  runs.id AS run_id,
  audits.attempt_id,
  coalesce(runs.accepted_attempt_id = audits.attempt_id, false) AS accepted,
  attempts.set_aside_reason <> '' AS set_aside,
  audits.rules_version,
  audits.rules_version = max(audits.rules_version) OVER (PARTITION BY audits.attempt_id) AS newest,
  audits.class AS audit,
  finding.class,
  finding.sequence,
  finding.rule,
  finding.decoy,
  finding.quote
FROM audits
JOIN attempts ON attempts.id = audits.attempt_id
JOIN runs ON runs.id = attempts.run_id
JOIN cells ON cells.id = runs.cell_id
JOIN sweeps ON sweeps.id = runs.sweep_id
LEFT JOIN LATERAL jsonb_to_recordset(audits.findings)
  AS finding (class text, sequence integer, rule text, decoy boolean, quote text) ON true;
--> statement-breakpoint
COMMENT ON VIEW "audit_findings" IS 'One row a finding of an audit, of any attempt and under any version of the rules; an audit without findings is one row with a null class.';
--> statement-breakpoint
COMMENT ON COLUMN "audit_findings"."newest" IS 'Whether no newer rules were applied to the attempt; only these count';
--> statement-breakpoint
COMMENT ON COLUMN "audit_findings"."audit" IS 'Class of the whole attempt: the highest of its findings';
--> statement-breakpoint
COMMENT ON COLUMN "audit_findings"."class" IS 'Class of this finding';
--> statement-breakpoint
COMMENT ON COLUMN "audit_findings"."sequence" IS 'Place of the event in the trace: sweep trace RUN --attempt ID';
--> statement-breakpoint
COMMENT ON COLUMN "audit_findings"."quote" IS 'What the agent or a program wrote, as it stood: hostile';
--> statement-breakpoint
CREATE VIEW "grades_by_version" AS
SELECT
  sweeps.name AS sweep,
  cells.model_name AS model,
  cells.harness,
  cells.task_name AS task,
  runs.seed,
  runs.id AS run_id,
  grades.attempt_id,
  coalesce(runs.accepted_attempt_id = grades.attempt_id, false) AS accepted,
  grades.id AS grade_id,
  grades.number,
  tasks.public_digest AS task_public_digest,
  tasks.hidden_digest AS task_hidden_digest,
  grades.task_id = cells.task_id AS version_of_cell,
  coalesce(run_results.grade_id = grades.id, false) AS counts,
  grades.regrade_id,
  grades.state,
  grades.reward,
  grades.seconds,
  grades.reason,
  grades.grader_name,
  grades.grader_version,
  grades.graded_at
FROM grades
JOIN attempts ON attempts.id = grades.attempt_id
JOIN runs ON runs.id = attempts.run_id
JOIN cells ON cells.id = runs.cell_id
JOIN sweeps ON sweeps.id = runs.sweep_id
JOIN tasks ON tasks.id = grades.task_id
JOIN run_results ON run_results.run_id = runs.id;
--> statement-breakpoint
COMMENT ON VIEW "grades_by_version" IS 'One row a grading of an attempt, under whichever version of the task. Verdicts of different versions are never averaged: of each run the one with counts is what run_results and cell_results show.';
--> statement-breakpoint
COMMENT ON COLUMN "grades_by_version"."version_of_cell" IS 'Whether it was graded with the version that the cell has';
--> statement-breakpoint
COMMENT ON COLUMN "grades_by_version"."counts" IS 'Whether it is the verdict that counts for its run';
--> statement-breakpoint
COMMENT ON COLUMN "grades_by_version"."state" IS 'passed or failed; grader_error where the grader failed, which is followed by another; queued or published while it is open';
--> statement-breakpoint
COMMENT ON COLUMN "grades_by_version"."regrade_id" IS 'The regrade that asked for it; null for the grading that followed the result';
--> statement-breakpoint
COMMENT ON TABLE "audits" IS 'One row an attempt and a version of the rules: what its trace shows of a search for the grader. Of several versions the newest counts. Findings row by row: audit_findings.';
--> statement-breakpoint
COMMENT ON COLUMN "audits"."missing_events" IS 'Events that are not stored, or cannot be read, and were therefore not judged';
--> statement-breakpoint
COMMENT ON TABLE "regrades" IS 'One row a task whose stored workspaces were asked to be graded again, with the version task_id; its grades name it. Verdicts count once adopted_at is set.';
--> statement-breakpoint
COMMENT ON COLUMN "attempts"."set_aside_reason" IS 'Why an accepted result was put aside for a new attempt, after which it never counts; empty for all others';
--> statement-breakpoint
COMMENT ON COLUMN "attempts"."audited_events" IS 'Events that the last audit of the trace read; null before the first';
