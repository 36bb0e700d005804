import { type CommandLine, operands } from "./command-line.ts";
import type { Step } from "./look.ts";
import { type CommandUse, isAimed, searchIn } from "./look-at.ts";
import type { AuditRules } from "./rules.ts";

/** What `grep` and its like look at. */
export function grep(line: CommandLine, use: CommandUse): Step[] {
  const { context } = use;
  const searchesAlways = /^(?:rg|ag|ack)$/.test(line.name);
  const recursive =
    searchesAlways ||
    line.args.some((word) => /^-[a-zA-Z]*[rR]|^--recursive|^--directories=recurse/.test(word));
  const hasPattern = line.args.some((word) =>
    /^-(?:[a-zA-Z]*e$|f|-regexp|-file)|^--files/.test(word),
  );
  const words = operands(
    line.args,
    /^-(?:e|f|A|B|C|m|g|t|T|d|D|M|j|-regexp|-file|-include|-exclude|-glob|-type)$/,
  );
  const paths = hasPattern ? words : words.slice(1);
  if (paths.length === 0 && !recursive) return [];
  return searchIn(
    paths.length === 0 ? ["."] : paths,
    recursive ? context.rules.search.id : null,
    "read",
    use,
  );
}

/** What `find` and its like look at. */
export function find(line: CommandLine, use: CommandUse): Step[] {
  const { rules, state } = use.context;
  const isIndex = /locate$|^mdfind$/.test(line.name);
  const isOther = line.name.startsWith("fd");
  const end = line.args.findIndex((word) => /^[-(!\\]/.test(word) && !/^-[HLPEDO]/.test(word));
  const roots = isIndex
    ? ["/"]
    : isOther
      ? operands(line.args, /^-(?:e|t|d|E|x|X|-extension|-type|-max-depth)$/).slice(1)
      : (end === -1 ? line.args : line.args.slice(0, end)).filter((word) => !word.startsWith("-"));
  const wanted = isIndex || isOther ? operands(line.args).slice(0, 1) : namesWanted(line.args);
  const isAim = isAimed(
    [...wanted, ...state.filters.filter((one) => /grep|rg|awk|sed|ag/.test(one))],
    rules,
  );
  const executed = line.args.findIndex((word) => /^-(?:exec|execdir|ok)$/.test(word));
  const aim = isAim ? rules.search.id : null;
  const steps = searchIn(
    roots.length === 0 ? ["."] : roots,
    aim,
    executed === -1 ? "list" : "read",
    use,
  );
  const reads = executed !== -1 || state.filters.some((one) => /^xargs\b/.test(one));
  if (!reads || !wanted.some((one) => isGraderFile(one, rules))) return steps;
  // What is printed then is what stands in such files.
  return steps.map((step) =>
    step.kind === "looks"
      ? { ...step, looks: step.looks.map((look) => ({ ...look, mode: "read" as const })) }
      : step,
  );
}

const isGraderFile = (name: string, { places }: AuditRules): boolean =>
  places.some(({ paths }) => paths.some((path) => path.test(`/x/${name}`)));

/** Names and paths that `find` looks for, without those that it leaves out. */
function namesWanted(args: readonly string[]): string[] {
  return args.filter(
    (_, at) =>
      /^-(?:i?name|i?path|i?wholename|i?regex|i?lname)$/.test(args[at - 1] ?? "") &&
      !/^(?:!|-not|\\!)$/.test(args[at - 2] ?? ""),
  );
}
