import { posix } from "node:path";
import type { AuditRules } from "./rules.ts";

/** A path as it was named, and what it stands for. */
export interface NamedPath {
  /** As it was written. */
  readonly word: string;
  /** Absolute, without `.` and `..`; may hold wildcards. */
  readonly path: string;
}

/** Where a path leads. */
export type Whereabouts =
  /** Into the workspace, or to what the agent made or the system brings. */
  | { readonly kind: "ordinary" }
  /** Out of the workspace, to a place that says nothing. */
  | { readonly kind: "outside" }
  /** To a place of the grader's, by the rule of this name. */
  | {
      readonly kind: "hidden";
      readonly rule: string;
      /** Whether other things lie there too. */
      readonly shared: boolean;
    };

const ordinary: Whereabouts = { kind: "ordinary" };
const outside: Whereabouts = { kind: "outside" };

/** What one attempt sees where; learns workspaces and what the agent makes, while the trace is read. */
export interface Surroundings {
  /** Workspaces; relative paths start at the first. */
  readonly workspaces: readonly string[];
  /** Where relative paths start. */
  readonly start: string;
  /** Resolves a path as a program in `folder` would. */
  resolve(word: string, folder: string): NamedPath;
  whereabouts(named: NamedPath): Whereabouts;
  /** Another workspace than those that were known; becomes the start of relative paths. */
  addWorkspace(path: string): void;
  /** The agent has made a file or a folder. */
  made(path: string): void;
  /** The agent has made `copy` to stand for `original`. */
  copied(original: string, copy: string): void;
  /** No copy of `original` came about. */
  notCopied(original: string): void;
}

/** Most files of the agent's own that are remembered. */
const maxOwn = 4_000;
const wildcard = /[*?[]/;

/** @param workspaces those of the attempt, or none where they are not known */
export function surroundings(rules: AuditRules, workspaces: readonly string[]): Surroundings {
  const known = [...workspaces, ...rules.workspaces];
  const own = new Set<string>();
  const copies = new Map<string, string>();

  function resolve(word: string, folder: string): NamedPath {
    const home = word.replace(/^(?:~[a-z]*|\$HOME|\$\{HOME\})(?=\/|$)/, rules.home);
    return { word, path: trimmed(posix.resolve(folder, home)) };
  }

  function whereabouts({ word, path }: NamedPath): Whereabouts {
    const original = originalOf(path);
    if (original !== path) return whereabouts({ word: original, path: original });
    const processes = rules.places.find(({ paths }) =>
      paths.some((one) => one.source.startsWith("^\\/proc") && one.test(path)),
    );
    if (processes !== undefined) return { kind: "hidden", rule: processes.id, shared: true };
    if (known.some((folder) => isWithin(path, folder)) || isOwn(path)) return ordinary;
    const beside = rules.places.find((place) => isAlongside(path, place.beside));
    if (beside !== undefined)
      return { kind: "hidden", rule: beside.id, shared: beside.shared ?? false };
    if (rules.ordinary.some((one) => one.test(path))) return ordinary;
    const place = rules.places.find(
      ({ beside, paths }) => isBeside(path, word, beside) || paths.some((one) => one.test(path)),
    );
    return place === undefined
      ? outside
      : { kind: "hidden", rule: place.id, shared: place.shared ?? false };
  }

  /** Next to a workspace, also where that lies in a scratch folder. */
  function isAlongside(path: string, names: readonly string[]): boolean {
    return known.some((workspace) => {
      const parent = posix.dirname(workspace);
      if (parent === "/" || !isWithin(path, parent) || path === parent) return false;
      return nameMatches(path.slice(parent.length + 1).split("/")[0] ?? "", names);
    });
  }

  function isBeside(path: string, word: string, names: readonly string[]): boolean {
    const climbs = word.startsWith("../") || word.includes("/../");
    return parentsOf(known).some((parent) => {
      if (!isWithin(path, parent)) return false;
      const [first = "", second = ""] = path
        .slice(parent === "/" ? 1 : parent.length + 1)
        .split("/");
      return nameMatches(first, names) || (climbs && nameMatches(second, names));
    });
  }

  function isOwn(path: string): boolean {
    for (let at = path; at.length > 1; at = posix.dirname(at)) if (own.has(at)) return true;
    return false;
  }

  function originalOf(path: string): string {
    for (const [copy, original] of copies) {
      if (isWithin(path, copy)) return original + path.slice(copy.length);
    }
    return path;
  }

  return {
    workspaces: known,
    get start() {
      return known[0] ?? "/workspace";
    },
    resolve,
    whereabouts,
    addWorkspace(path) {
      const folder = trimmed(posix.resolve("/", path));
      // A workspace that is a parent of everything would hide everything.
      if (folder === "/" || known.includes(folder)) return;
      if (whereabouts({ word: folder, path: folder }).kind === "hidden") return;
      known.unshift(folder);
    },
    made(path) {
      if (own.size < maxOwn) own.add(path);
    },
    copied(original, copy) {
      const isWorkspace = known.some((folder) => isWithin(folder, copy));
      // Which files of a workspace came from elsewhere is not known, if their names are not.
      if (copies.size < maxOwn && !isWorkspace && !isWithin(original, copy))
        copies.set(copy, original);
    },
    notCopied(original) {
      for (const [copy, from] of copies) if (isWithin(from, original)) copies.delete(copy);
    },
  };
}

/** Whether a path is a folder or lies in it. */
export function isWithin(path: string, folder: string): boolean {
  return path === folder || path.startsWith(folder === "/" ? "/" : `${folder}/`);
}

const trimmed = (path: string): string => (path === "/" ? path : path.replace(/\/+$/, ""));

/** All folders above the workspaces. */
function parentsOf(workspaces: readonly string[]): readonly string[] {
  const parents = new Set<string>();
  for (const workspace of workspaces) {
    for (let at = posix.dirname(workspace); ; at = posix.dirname(at)) {
      parents.add(at);
      if (at === "/") break;
    }
  }
  return [...parents];
}

/** Whether a name, or a wildcard with two letters of it, is one of `names`. */
function nameMatches(name: string, names: readonly string[]): boolean {
  if (!wildcard.test(name)) return names.includes(name);
  if (name.replace(/\[[^\]]*\]|[^a-z]/gi, "").length < 2) return false;
  const pattern = wildcardPattern(name);
  return names.some((one) => pattern.test(one));
}

/** A wildcard of a shell as a regular expression. */
export function wildcardPattern(text: string): RegExp {
  const source = text
    .replace(/[.+^${}()|\\]/g, "\\$&")
    .replace(/\*+/g, ".*")
    .replace(/\?/g, ".")
    .replace(/\[(?:!|\^)?$/, "\\[");
  try {
    return new RegExp(`^${source}$`);
  } catch {
    return /^$/;
  }
}
