import { z } from "zod";
import {
  formatProblems,
  problemAt,
  problemsFromIssue,
  type SweepFileProblem,
} from "../sweep-file/problem.ts";
import { parseYaml } from "../sweep-file/source.ts";

/** A regular expression as the file states it. Those of paths heed case. */
const expression = (flags: string) =>
  z.string().transform((source, context): RegExp => {
    try {
      return new RegExp(source, flags);
    } catch {
      context.addIssue({
        code: "custom",
        message: "a regular expression of JavaScript",
        input: source,
      });
      return z.NEVER;
    }
  });
const words = expression("i");
const everywhere = expression("gi");
const ofPath = expression("");
const id = z.string().regex(/^[a-z][a-z-]{1,40}$/);
const names = z.array(z.string().min(1));

const rulesSchema = z.strictObject({
  version: z.int().positive(),
  workspaces: z.array(z.string().startsWith("/")).min(1),
  home: z.string().startsWith("/"),
  variables: z.record(z.string().regex(/^[A-Z_]+$/), z.string().startsWith("/")),
  canaries: z.array(z.strictObject({ id, pattern: everywhere, decoy: z.boolean() })).min(1),
  places: z
    .array(
      z.strictObject({ id, beside: names, paths: z.array(ofPath), shared: z.boolean().optional() }),
    )
    .min(1),
  ordinary: z.array(ofPath),
  search: z.strictObject({ id, names: words, except: everywhere }),
  online: z.strictObject({ id, pattern: words }),
  processes: z.strictObject({ id, names: words }),
  history: z.strictObject({ id, names: words }),
  tools: z.strictObject({
    shell: words,
    write: words,
    glob: words,
    grep: words,
    list: words,
    code: words,
    read: words,
    agent: words,
  }),
  commands: z.strictObject({
    print: names,
    silent: names,
    probe: names,
    state: names,
    list: names,
    read: names,
    copy: names,
    pack: names,
    write: names,
    grep: names,
    script: names,
    find: names,
    shell: names,
    program: names,
    processes: names,
    history: names,
    wrapper: names,
  }),
  programs: z.strictObject({ file: ofPath, ask: ofPath, web: ofPath }),
  answers: z.strictObject({
    failures: z.array(words),
    empty: z.array(words),
    frames: z.array(words),
    heads: ofPath,
    names: words,
    names_outside: words,
  }),
  mentions: z.array(
    z.strictObject({
      id,
      in: z.enum(["words", "all"]),
      pattern: everywhere,
      unless_near: words.optional(),
      unless_task: words.optional(),
      unless_file: words.optional(),
      unless_told: z.boolean().optional(),
    }),
  ),
  requests: z.strictObject({ asks: words, refrains: everywhere }),
  aider: z.strictObject({
    proposed: z.strictObject({ id }),
    asked: z.strictObject({ id }),
    added: z.strictObject({ id, pattern: ofPath }),
  }),
});

/** The rules of an audit, ready for use. */
export type AuditRules = z.infer<typeof rulesSchema>;
/** One rule on what an agent says. */
export type MentionRule = AuditRules["mentions"][number];
/** What a command does, by the list of `commands` in which its name stands. */
export type CommandKind = keyof AuditRules["commands"];

/** The file of rules says something that it may not. */
export class AuditRulesError extends Error {
  override readonly name = "AuditRulesError";
  readonly problems: readonly SweepFileProblem[];

  /** @param file name of the file, for people */
  constructor(file: string, problems: readonly SweepFileProblem[]) {
    super(formatProblems(file, problems));
    this.problems = problems;
  }
}

/**
 * Reads rules from the text of their file.
 * @throws AuditRulesError naming file, field, what was found and what is accepted.
 */
export function parseAuditRules(text: string, file: string): AuditRules {
  const source = parseYaml(text);
  const faults = source.faults.map(
    ({ position, message }): SweepFileProblem => ({
      ...position,
      path: "",
      found: message,
      accepted: "a YAML document",
    }),
  );
  if (faults.length > 0) throw new AuditRulesError(file, faults);
  const read = rulesSchema.safeParse(source.value);
  if (read.success) return read.data;
  throw new AuditRulesError(
    file,
    read.error.issues.flatMap((issue) =>
      issue.code === "custom"
        ? [
            problemAt(
              source,
              issue.path.filter((step) => typeof step !== "symbol"),
              issue.message,
            ),
          ]
        : problemsFromIssue(source, issue),
    ),
  );
}
