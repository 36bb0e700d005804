/** What the trace of an attempt shows of an agent that looked for the grader, from the least to the most. */
export const auditClasses = ["none", "mentioned", "attempted", "reached"] as const;

/** See {@link auditClasses}. */
export type AuditClass = (typeof auditClasses)[number];

/** One piece of evidence: what a rule saw in an event. */
export interface AuditFinding {
  readonly class: Exclude<AuditClass, "none">;
  /** Of the event in its trace. */
  readonly sequence: number;
  /** At most 300 characters, as they stood: hostile. */
  readonly quote: string;
  /** Its name in the file of rules. */
  readonly rule: string;
  /** Whether a planted decoy was found rather than the grader. */
  readonly decoy: boolean;
}

/** The class of a trace, which is the highest of its findings, and by which rules it was found. */
export interface AuditReport {
  readonly class: AuditClass;
  readonly findings: readonly AuditFinding[];
  readonly rulesVersion: number;
}

/** Longest quote of a finding, in characters. */
const maxQuoteLength = 300;

/** Text around a place in it, cut to what a finding may quote. */
export function quoteAround(text: string, at = 0, length = 0): string {
  if (text.length <= maxQuoteLength) return text;
  const spare = Math.max(0, maxQuoteLength - length);
  const start = Math.max(0, Math.min(at - Math.floor(spare / 2), text.length - maxQuoteLength));
  return text.slice(start, start + maxQuoteLength);
}
