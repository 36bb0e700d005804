import { timestampDate } from "@bufbuild/protobuf/wkt";
import type { Command } from "commander";
import {
  type AttemptDetail,
  type GetRunResponse,
  GetRunResponseSchema,
  type GradeDetail,
} from "../../proto/gen/sweep/v1/operator_pb.ts";
import { withAttemptText, withRunText } from "./agent-text.ts";
import { asksCoordinator, command, type OperatorOptions } from "./command.ts";
import type { CliContext } from "./context.ts";
import { withOperator } from "./operator-calls.ts";
import { formatSeconds, formatTable, printJson } from "./print.ts";
import { formatProvenance } from "./provenance-text.ts";
import { safeLine, safeText } from "./safe-text.ts";

/** `sweep show`: one run with everything that is known of it. */
export function showCommand(context: CliContext): Command {
  return asksCoordinator(
    command({
      usage: "show <run>",
      summary: "show a run: attempts, grades, provenance",
      description:
        "Shows one run with each of its attempts: where and how it ended, how it was graded, what is " +
        "needed to repeat it, and where its trace is. Text that the agent or its code wrote is shown " +
        "only with --content.",
      examples: [
        ["show 17", "the run with the number that `sweep runs` prints"],
        ["show 17 --content", "with the output of the hidden tests"],
      ],
    }),
  )
    .option("--content", "show text that the agent or its code wrote, made safe for a terminal")
    .action((runId: string, options: OperatorOptions & { content?: boolean }) =>
      withOperator(options.coordinator, context, async (operator) => {
        const response = await operator.getRun({ runId });
        const { run, attempts } = response;
        const content = options.content ?? false;
        const shown = {
          ...response,
          ...(run === undefined ? {} : { run: withRunText(run, content) }),
          attempts: attempts.map((attempt) => withAttemptText(attempt, content)),
        };
        if (options.json) printJson(context.stdout, GetRunResponseSchema, shown);
        else context.stdout.write(formatRun(shown));
      }),
    );
}

function formatRun({ run, sweepName, attempts, ...task }: GetRunResponse): string {
  if (run === undefined) return "";
  const verdict = run.outcome === "" ? run.state : `${run.state}, ${run.outcome}`;
  return [
    `run ${run.runId} of ${sweepName}: ${run.model} x ${run.harness} x ${run.task}, seed ${run.seed}`,
    `  ${verdict}${run.reason === "" ? "" : `: ${safeLine(run.reason)}`}`,
    `  task content: public ${task.taskPublicDigest}, hidden ${task.taskHiddenDigest}`,
    ...attempts.flatMap((attempt) => ["", ...formatAttempt(attempt, run.runId)]),
    "",
  ].join("\n");
}

function formatAttempt(attempt: AttemptDetail, runId: string): string[] {
  const marks = [
    ...(attempt.accepted ? ["accepted"] : []),
    ...(attempt.superseded ? ["superseded, not counted"] : []),
    ...(attempt.setAsideReason === ""
      ? []
      : [`put aside, not counted: ${safeLine(attempt.setAsideReason)}`]),
  ];
  const { grantedAt, endedAt, agentSeconds } = attempt;
  const times = [
    ...(grantedAt === undefined ? [] : [`from ${timestampDate(grantedAt).toISOString()}`]),
    ...(endedAt === undefined ? [] : [`to ${timestampDate(endedAt).toISOString()}`]),
    ...(agentSeconds === undefined ? [] : [`harness ${formatSeconds(agentSeconds)}`]),
  ];
  return [
    `attempt ${attempt.number} (${attempt.attemptId}, epoch ${attempt.epoch}) on ${attempt.nodeName}: ` +
      `${attempt.outcome || "not ended"}${marks.length > 0 ? ` (${marks.join(", ")})` : ""}`,
    ...(attempt.reason === "" ? [] : [`  ${safeLine(attempt.reason)}`]),
    `  ${times.join(", ")}`,
    `  ${attempt.modelCalls} model calls${attempt.sideCalls === 0 ? "" : ` (${attempt.sideCalls} side calls)`}, ${attempt.inputTokens} tokens in, ${attempt.outputTokens} out`,
    `  trace: ${attempt.traceEvents} events in ${attempt.traceChunks} chunks; \`sweep trace ${runId} --attempt ${attempt.attemptId}\``,
    ...(attempt.audit === ""
      ? []
      : [`  audit: ${attempt.audit}; \`sweep audit ${runId}\` shows the evidence`]),
    ...(attempt.workspaceDigest === "" ? [] : [`  workspace: ${attempt.workspaceDigest}`]),
    ...(attempt.provenance === undefined ? [] : formatProvenance(attempt.provenance)),
    ...attempt.grades.flatMap(formatGrade),
  ];
}

function formatGrade(grade: GradeDetail): string[] {
  const version = grade.regrade
    ? `, graded again with hidden ${grade.taskHiddenDigest.slice(0, 12)}${grade.counts ? "" : ", not counted"}`
    : "";
  const passed = grade.checks.filter((check) => check.passed).length;
  const checks = formatTable(
    ["check", "passed", "message"],
    grade.checks.map(({ name, passed, message }) => [name, passed ? "yes" : "no", message]),
  );
  return [
    `  grade ${grade.outcome || "not ended"} by ${grade.graderName || "no grader yet"}: ` +
      `${passed} of ${grade.checks.length} checks passed in ${formatSeconds(grade.seconds)}${version}`,
    ...(grade.reason === "" ? [] : [`    ${safeLine(grade.reason)}`]),
    ...formatGradedWith(grade),
    ...(grade.checks.length === 0 ? [] : [indented(checks)]),
    ...(grade.output === "" ? [] : ["    output:", indented(safeText(grade.output))]),
  ];
}

/** Nothing until a grader has answered. */
function formatGradedWith({ graderVersion, sandbox, toolchains }: GradeDetail): string[] {
  if (graderVersion === "") return [];
  const versions = toolchains.map(({ name, version }) => `${name} ${version}`);
  return [
    `    grader ${safeLine([graderVersion, `sandbox ${sandbox}`].join(", "))}`,
    ...(versions.length === 0 ? [] : [`    toolchains ${safeLine(versions.join(", "))}`]),
  ];
}

function indented(text: string): string {
  return text.trimEnd().replace(/^/gm, "    ");
}
