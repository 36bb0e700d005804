import type { TraceEvent } from "../../proto/trace-event.ts";
import { type AuditContext, auditTrace } from "../audit/classify.ts";
import type { AuditReport } from "../audit/finding.ts";
import type { AuditRules } from "../audit/rules.ts";

/** Judges traces by one version of the rules. */
export interface Auditor {
  readonly rulesVersion: number;
  /** `events` are in the order of the trace; some may be missing. */
  audit(events: Iterable<TraceEvent>, context: AuditContext): AuditReport;
}

/** See {@link Auditor}. */
export function auditorBy(rules: AuditRules): Auditor {
  return {
    rulesVersion: rules.version,
    audit: (events, context) => auditTrace(events, context, rules),
  };
}
