import { readFile } from "node:fs/promises";
import type { OutputReader } from "../../agent-node/harness/harness.ts";
import { findHarness, harnesses } from "../../agent-node/harness/registry.ts";
import { type TraceEvent, traceEventSchema } from "../../proto/trace-event.ts";
import { type AuditReport, auditTrace } from "../audit/classify.ts";
import { loadAuditRules } from "../audit/load-rules.ts";
import type { AuditRules } from "../audit/rules.ts";
import { type CliContext, CommandFailure, UsageError } from "./context.ts";
import { safeLine } from "./safe-text.ts";

/** A file to audit, as it is named on the command line. */
export interface AuditedFile {
  /** What a harness printed, or a trace as `sweep trace export --format jsonl` writes it. */
  readonly file: string;
  /** Whose output it is. */
  readonly harness?: string | undefined;
  /** File with what the agent was asked. */
  readonly instruction?: string | undefined;
  readonly json?: boolean | undefined;
}

/**
 * `sweep audit --file`: classifies one recorded output, without a lab.
 * @throws UsageError for an unknown harness; CommandFailure for a file that cannot be read.
 */
export async function auditFile(asked: AuditedFile, context: CliContext): Promise<void> {
  const text = await contentOf(asked.file);
  const instruction = asked.instruction === undefined ? "" : await contentOf(asked.instruction);
  const report = auditOutput({ text, harness: asked.harness, instruction }, loadAuditRules());
  if (asked.json === true) context.stdout.write(`${JSON.stringify(report)}\n`);
  else context.stdout.write(formatReport(report));
}

/** What a harness printed, with what is known about it. */
export interface RecordedOutput {
  readonly text: string;
  /** A harness of this program; may be absent for a trace, whose lines say themselves what they are. */
  readonly harness?: string | undefined;
  /** Empty if it is not known. */
  readonly instruction: string;
}

/**
 * Audits what a harness printed, or the events of a trace.
 * @throws UsageError when it is no trace and no known harness is named.
 */
export function auditOutput(
  { text, harness, instruction }: RecordedOutput,
  rules: AuditRules,
): AuditReport {
  const lines = linesOf(text);
  const workspaces = workspacesIn(lines);
  const context = { instruction, harness, workspaces };
  const trace = traceIn(lines);
  if (trace !== null) return auditTrace(trace, context, rules);
  const adapter = harness === undefined ? undefined : findHarness(harness);
  if (adapter === undefined) {
    const names = harnesses.map(({ name }) => name).join(", ");
    throw new UsageError(
      `--harness: found ${harness ?? "nothing"}; accepted: ${names}, since the file is no trace`,
    );
  }
  return auditTrace(eventsOf(lines, adapter.readOutput()), context, rules);
}

/** One JSON array, as some harnesses print at their end, counts as a line for each of its parts. */
function linesOf(text: string): readonly string[] {
  if (text.trimStart().startsWith("[")) {
    try {
      const parts: unknown = JSON.parse(text);
      if (Array.isArray(parts)) return parts.map((part) => JSON.stringify(part));
    } catch {
      // Text that only begins like one.
    }
  }
  return text.split(/\r?\n/);
}

/** The events of a trace; null if the first line is none. */
function traceIn(lines: readonly string[]): Iterable<TraceEvent> | null {
  const filled = lines.filter((line) => line.trim() !== "");
  if (filled[0] === undefined || eventIn(filled[0]) === null) return null;
  return filled.flatMap((line) => eventIn(line) ?? []);
}

function eventIn(line: string): TraceEvent | null {
  try {
    return traceEventSchema.safeParse(JSON.parse(line)).data ?? null;
  } catch {
    return null;
  }
}

function* eventsOf(lines: readonly string[], reader: OutputReader): Generator<TraceEvent> {
  let sequence = 0;
  for (const line of lines) {
    for (const event of reader.read("stdout", line)) {
      yield { ...event, sequence, atMs: 0 };
      sequence += 1;
    }
  }
}

/** The folder in which a harness says at its start that it works. */
function workspacesIn(lines: readonly string[]): readonly string[] {
  for (const line of lines.slice(0, 20)) {
    const folder = /"cwd":"(\/[^"\\]+)"/.exec(line)?.[1];
    if (folder !== undefined) return [folder];
  }
  return [];
}

function formatReport({ class: found, findings, rulesVersion }: AuditReport): string {
  const lines = findings.map(({ class: of, rule, sequence, decoy, quote }) => {
    const what = decoy ? `${of} (decoy)` : of;
    return `  ${what} · ${rule} · event ${sequence}\n    ${safeLine(quote)}`;
  });
  return [`${found} (rules ${rulesVersion})`, ...lines, ""].join("\n");
}

async function contentOf(file: string): Promise<string> {
  try {
    return await readFile(file, "utf8");
  } catch (error) {
    throw new CommandFailure(`${file}: ${error instanceof Error ? error.message : String(error)}`);
  }
}
