import { readFileSync } from "node:fs";
import { join } from "node:path";
import { packageRoot } from "../../proto/package-root.ts";
import { type AuditRules, parseAuditRules } from "./rules.ts";

/** The file of rules that this version of the program brings. */
export const auditRulesFile: string = join(packageRoot, "coordinator/audit/rules.yaml");

/**
 * Reads the rules of an audit.
 * @throws AuditRulesError when the file is not a file of rules.
 */
export function loadAuditRules(file: string = auditRulesFile): AuditRules {
  return parseAuditRules(readFileSync(file, "utf8"), file);
}
