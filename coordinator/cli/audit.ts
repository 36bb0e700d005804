import type { Command } from "commander";
import {
  type AuditAgainResponse,
  AuditAgainResponseSchema,
  type AuditCount,
  type AuditedAttempt,
  type AuditRecord,
  type ReadAuditResponse,
  ReadAuditResponseSchema,
} from "../../proto/gen/sweep/v1/operator_pb.ts";
import { auditFile } from "./audit-file.ts";
import { asksCoordinator, command, type OperatorOptions } from "./command.ts";
import { type CliContext, CommandFailure, UsageError } from "./context.ts";
import { withOperator } from "./operator-calls.ts";
import { formatTable, printJson } from "./print.ts";
import { safeLine } from "./safe-text.ts";

/** `sweep audit`: did agents look for the grader? */
export function auditCommand(context: CliContext): Command {
  return asksCoordinator(
    command({
      usage: "audit [target]",
      summary: "show which agents looked for the grader, with the evidence",
      description:
        "Shows what the traces of a sweep say about a search for the grader: for each model and harness " +
        "how many runs did none, mentioned it, attempted to reach it, or reached it; a run that reached " +
        "it counts as failed. Of a run it shows the evidence: event, rule and quote. Each trace is " +
        "audited once by itself; --again audits stored traces with the coordinator's present rules and " +
        "shows whose class is another one now.",
      examples: [
        ["audit demo", "counts, and the runs that attempted or reached"],
        ["audit 17", "the evidence in all attempts of a run"],
        ["audit demo --again", "the same traces by the present rules; nothing is run again"],
        ["audit --file out.jsonl --harness pi", "what one harness printed, without a lab"],
      ],
    }),
  )
    .option("--again", "audit the stored traces again, with the coordinator's present rules")
    .option("--file <path>", "audit a harness's recorded output, or an exported trace, instead")
    .option("--harness <name>", "whose output the file is")
    .option("--instruction <path>", "file with what the agent of that output was asked")
    .action((target: string | undefined, options: AuditOptions) => {
      const { file } = options;
      if ((file === undefined) === (target === undefined)) {
        throw new UsageError("audit takes a sweep or a run, or --file; one of them");
      }
      return file === undefined
        ? auditStored(target ?? "", options, context)
        : auditFile({ ...options, file }, context);
    });
}

interface AuditOptions extends OperatorOptions {
  readonly again?: boolean;
  readonly file?: string;
  readonly harness?: string;
  readonly instruction?: string;
}

function auditStored(target: string, options: AuditOptions, context: CliContext): Promise<void> {
  return withOperator(options.coordinator, context, async (operator) => {
    if (options.again === true) {
      let last: AuditAgainResponse | undefined;
      for await (const message of operator.auditAgain({ target })) {
        last = message;
      }
      if (last === undefined || last.audited < last.total) {
        throw new CommandFailure("the coordinator ended before all was audited; ask again");
      }
      if (options.json) printJson(context.stdout, AuditAgainResponseSchema, last);
      else context.stdout.write(formatChanges(last));
      if (last.failed > 0) {
        throw new CommandFailure(
          `${last.failed} of ${last.total} attempts could not be audited; the coordinator's log says why`,
        );
      }
      return;
    }
    const response = await operator.readAudit({ target });
    if (options.json) printJson(context.stdout, ReadAuditResponseSchema, response);
    else context.stdout.write(formatAudit(response));
  });
}

function formatAudit(response: ReadAuditResponse): string {
  const { attempts, ofRun } = response;
  if (!ofRun) return formatCounts(response) + formatFlagged(attempts);
  return attempts.map(formatAttempt).join("\n") || "no attempt yet\n";
}

function formatCounts({ counts, rulesVersion }: ReadAuditResponse): string {
  const head =
    "model|harness|none|mentioned|attempted|reached|not audited|put aside, not counted".split("|");
  const table = formatTable(
    head,
    counts.map((count) => [
      count.model,
      count.harness,
      count.none,
      count.mentioned,
      count.attempted,
      count.reached,
      count.unaudited,
      count.setAside,
    ]),
  );
  const sum = (of: (count: AuditCount) => number) =>
    counts.reduce((total, count) => total + of(count), 0);
  const older = sum(({ olderRules }) => olderRules);
  const incomplete = sum(({ incomplete }) => incomplete);
  return [
    table,
    ...(older === 0
      ? []
      : [`${older} audited by older rules; --again applies version ${rulesVersion}\n`]),
    ...(incomplete === 0
      ? []
      : [`${incomplete} audited without some of their events: what they held is not known\n`]),
  ].join("");
}

function formatFlagged(attempts: readonly AuditedAttempt[]): string {
  if (attempts.length === 0) return "";
  const rows = attempts.map(({ runId, model, harness, task, seed, audits }) => [
    runId,
    audits[0]?.auditClass,
    model,
    harness,
    task,
    seed,
  ]);
  return `\n${formatTable(["run", "audit", "model", "harness", "task", "seed"], rows)}\`sweep audit RUN\` shows the evidence\n`;
}

function formatAttempt(attempt: AuditedAttempt): string {
  const { runId, model, harness, task, seed, number, attemptId, accepted, setAside } = attempt;
  const mark = accepted ? " (accepted)" : setAside ? " (put aside, not counted)" : "";
  const head = `run ${runId}: ${model} x ${harness} x ${task}, seed ${seed}, attempt ${number}${mark}\n`;
  if (attempt.audits.length === 0) return `${safeLine(head)}\n  not audited yet\n`;
  const trace = `  \`sweep trace ${runId} --attempt ${attemptId}\` shows the events\n`;
  return [`${safeLine(head)}\n`, ...attempt.audits.map(formatRecord), trace].join("");
}

function formatRecord({ rulesVersion, auditClass, missingEvents, findings }: AuditRecord): string {
  const missing = missingEvents === 0 ? "" : `, ${missingEvents} events are missing`;
  const head = `  ${safeLine(auditClass)} by rules of version ${rulesVersion}${missing}\n`;
  if (findings.length === 0) return head;
  const rows = findings.map((finding) => [
    finding.sequence,
    finding.findingClass,
    finding.decoy ? `${finding.rule} (decoy)` : finding.rule,
    finding.quote,
  ]);
  return head + formatTable(["event", "class", "rule", "quote"], rows).replace(/^(?=.)/gm, "    ");
}

function formatChanges({ total, rulesVersion, changes }: AuditAgainResponse): string {
  const head = `${total} ${total === 1 ? "attempt" : "attempts"} audited by rules of version ${rulesVersion}: `;
  if (changes.length === 0) return `${head}no class changed\n`;
  const rows = changes.map((change) => [
    change.runId,
    change.accepted ? "yes" : "no",
    change.rulesVersionBefore === 0 ? "not audited" : change.classBefore,
    change.rulesVersionBefore || undefined,
    change.classAfter,
    change.attemptId,
  ]);
  return `${head}${changes.length} changed\n${formatTable(
    ["run", "accepted", "before", "by version", "now", "attempt"],
    rows,
  )}`;
}
