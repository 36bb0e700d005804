import { type AuditFinding, auditClasses } from "../../coordinator/audit/finding.ts";
import { auditsOf } from "../../coordinator/auditing/audit-attempt.ts";
import type { Auditor } from "../../coordinator/auditing/auditor.ts";
import type { Database } from "../../coordinator/store/database.ts";

/**
 * Rules for tests of what is done with an audit: each text of the node that is the name of a class is
 * a finding of that class.
 */
export function namedClasses(rulesVersion = 1): Auditor {
  return {
    rulesVersion,
    audit(events) {
      const findings: AuditFinding[] = [];
      for (const event of events) {
        if (event.kind !== "node") continue;
        const found = auditClasses.find((name) => event.text.startsWith(name));
        if (found === undefined || found === "none") continue;
        const { sequence, text } = event;
        findings.push({ class: found, sequence, quote: text, rule: "named", decoy: false });
      }
      const ranks = findings.map((finding) => auditClasses.indexOf(finding.class));
      return { class: auditClasses[Math.max(0, ...ranks)] ?? "none", findings, rulesVersion };
    },
  };
}

/** What the operator's service needs to audit by {@link namedClasses}. */
export function auditing(database: Database, rulesVersion = 1) {
  return { auditAttempt: auditsOf(database, namedClasses(rulesVersion)), rulesVersion };
}
