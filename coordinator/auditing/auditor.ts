import type { TraceEvent } from "../../proto/trace-event.ts";
import type { AuditReport } from "../audit/classify.ts";
import type { TaskFiles } from "../task-bundle.ts";

/** Both halves of the task that an attempt was made at. */
export interface AuditedTask {
  readonly publicFiles: TaskFiles;
  readonly hiddenFiles: TaskFiles;
}

/** Judges traces by one version of the rules. */
export interface Auditor {
  readonly rulesVersion: number;
  /** `events` are in the order of the trace; some may be missing. */
  audit(events: Iterable<TraceEvent>, task: AuditedTask): AuditReport;
}
