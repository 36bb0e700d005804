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
