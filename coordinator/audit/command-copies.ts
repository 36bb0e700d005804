import { type CommandLine, operands, possiblePaths } from "./command-line.ts";
import type { Step } from "./look.ts";
import { type CommandUse, lookAt, looksIn, type ShellContext } from "./look-at.ts";
import { isWithin, type NamedPath } from "./places.ts";

/** What `cp`, `mv` and `ln` look at. A copy of a grader's file stands for it from then on. */
export function copy(args: readonly string[], { context, ...use }: CommandUse): Step[] {
  const words = operands(args, /^-(?:t|m|o|g|S)$/);
  const resolved = words.map((word) => context.around.resolve(word, context.state.folder));
  const target = resolved.at(-1);
  const sources = resolved.slice(0, Math.max(1, resolved.length - 1));
  if (target === undefined) return [];
  const hidden = sources.filter((one) => context.around.whereabouts(one).kind === "hidden");
  if (hidden.length === 0) {
    const steps = lookAt(context, "write", words.slice(-1), use);
    if (steps.length === 0) context.wrote(words.at(-1) ?? "", null);
    return steps;
  }
  for (const one of hidden)
    context.around.copied(withoutWildcard(one), copyOf(one, target, context));
  return lookAt(
    context,
    "copy",
    hidden.map(({ word }) => word),
    use,
  );
}

/** What archivers look at. Archives stand for what went into them. */
export function pack({ name, args }: CommandLine, { context, ...use }: CommandUse): Step[] {
  const [mode = "", ...words] = args;
  const makes = name === "zip" || /^-?[a-z]*c/.test(mode) || args.includes("--create");
  const rest = words.length === 0 ? args : words;
  const paths = rest.filter((word) => word === "-" || !word.startsWith("-"));
  if (!makes) return lookAt(context, "list", possiblePaths(args), use).filter(isAttempt);
  const isKept = args.some((word) => /^(?:-?[a-z]*f[a-z]*$|--file)/.test(word));
  // An archive that is not kept is shown, or goes into the next command.
  const isOutput = name === "tar" && (paths[0] === "-" || !isKept);
  if (isOutput) {
    const contents = paths.filter((word) => word !== "-");
    return lookAt(context, "read", contents, use);
  }
  const resolved = paths.map((word) => context.around.resolve(word, context.state.folder));
  const [archive, ...contents] = resolved;
  for (const one of contents) {
    const isHidden = context.around.whereabouts(one).kind === "hidden";
    if (isHidden && archive !== undefined)
      context.around.copied(withoutWildcard(one), archive.path);
  }
  return lookAt(context, "copy", paths.slice(1), use);
}

const isAttempt = (step: Step): boolean => looksIn(step).some(({ rule }) => rule !== null);

/** `/tests/*` stands for all of `/tests`. */
const withoutWildcard = ({ path }: NamedPath): string => path.replace(/\/[^/]*[*?[].*$/, "");

function copyOf(source: NamedPath, target: NamedPath, { around }: ShellContext): string {
  const name = source.path.slice(source.path.lastIndexOf("/") + 1);
  const isFolder =
    target.word.endsWith("/") ||
    target.word === "." ||
    around.workspaces.some((one) => isWithin(one, target.path));
  return isFolder && !/[*?[]/.test(name)
    ? `${target.path === "/" ? "" : target.path}/${name}`
    : target.path;
}
