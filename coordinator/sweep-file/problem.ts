import { closest, distance } from "fastest-levenshtein";
import type { z } from "zod";
import type { Path, Position, YamlSource } from "./source.ts";

/** One thing that is wrong with a sweep file. */
export interface SweepFileProblem extends Position {
  /** For example `models[2].path`; empty for the file as a whole. */
  readonly path: string;
  /** What stands there, as JSON, shortened. */
  readonly found: string;
  /** What may stand there. */
  readonly accepted: string;
}

/** One line a problem: `file:line:column: path: found …; accepted: …`, as compilers print it. */
export function formatProblems(fileName: string, problems: readonly SweepFileProblem[]): string {
  return problems
    .map(({ line, column, path, found, accepted }) => {
      const place = path === "" ? "" : `${path}: `;
      return `${fileName}:${line}:${column}: ${place}found ${found}; accepted: ${accepted}`;
    })
    .join("\n");
}

/** A problem with the value at `path`. */
export function problemAt(
  source: YamlSource,
  path: Path,
  accepted: string,
  found = excerpt(valueAt(source.value, path)),
): SweepFileProblem {
  return { ...source.positionOf(path), path: formatPath(path), found, accepted };
}

/** What zod found, each unknown key as a problem of its own. */
export function problemsFromIssue(source: YamlSource, issue: z.core.$ZodIssue): SweepFileProblem[] {
  const path = issue.path.filter((step) => typeof step !== "symbol");
  if (issue.code === "unrecognized_keys") {
    return issue.keys.map((key) => ({
      ...source.positionOfKey(path, key),
      path: formatPath([...path, key]),
      found: `the unknown key ${excerpt(key)}`,
      accepted: issue.message,
    }));
  }
  if (issue.code === "invalid_value") {
    const names = issue.values.map(String);
    const accepted = `one of ${names.join(", ")}${suggestion(valueAt(source.value, path), names)}`;
    return [problemAt(source, path, accepted)];
  }
  // The messages of all other issues are the schema's own words on what it accepts.
  return [problemAt(source, path, issue.message)];
}

/** ` (did you mean …?)` if one of `names` is close to what was written, else nothing. */
export function suggestion(written: unknown, names: readonly string[]): string {
  if (typeof written !== "string" || names.length === 0) return "";
  const nearest = closest(written, names);
  // Half of the letters wrong is no slip of the pen any more.
  return distance(written, nearest) <= Math.max(1, nearest.length / 2)
    ? ` (did you mean ${nearest}?)`
    : "";
}

function formatPath(path: Path): string {
  return path
    .map((step, index) => {
      if (typeof step === "number") return `[${step}]`;
      return index === 0 ? step : `.${step}`;
    })
    .join("");
}

function valueAt(value: unknown, path: Path): unknown {
  return path.reduce<unknown>(
    (parent, step) =>
      typeof parent === "object" && parent !== null ? Reflect.get(parent, step) : undefined,
    value,
  );
}

function excerpt(value: unknown): string {
  const text = JSON.stringify(value);
  if (text === undefined) return "nothing";
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}
