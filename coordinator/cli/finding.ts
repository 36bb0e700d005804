import { formatTable } from "./print.ts";

/** One thing that `sweep doctor` has looked at. */
export interface Finding {
  readonly what: string;
  /** `absent` is no fault: not everything is needed on every machine. */
  readonly state: "ok" | "absent" | "fault";
  readonly detail: string;
  /** What to do about it; empty when there is nothing to do. */
  readonly remedy: string;
}

/** Findings as a table, a line each. */
export function formatFindings(findings: readonly Finding[]): string {
  const rows = findings.map(({ what, state, detail, remedy }) => [what, state, detail, remedy]);
  return formatTable(["what", "state", "found", "what to do"], rows);
}
