/** Of the public half, what an agent never sees: limits and keys of the grading. */
const unseen = "task.toml";

/** The files of a public half, by their paths in it. */
interface Files {
  readonly keys: () => Iterable<string>;
  readonly get: (path: string) => Uint8Array | undefined;
}

/**
 * Paths in which two versions of a public half differ as far as an agent sees them, sorted. Where
 * there are any, a workspace made under one version is no answer to the other.
 */
export function visibleDifferences(left: Files, right: Files): string[] {
  const paths = new Set([...left.keys(), ...right.keys()]);
  return [...paths]
    .filter((path) => path !== unseen && !areEqual(left.get(path), right.get(path)))
    .sort((one, other) => (one < other ? -1 : 1));
}

function areEqual(left: Uint8Array | undefined, right: Uint8Array | undefined): boolean {
  if (left === undefined || right === undefined || left.length !== right.length) return false;
  return left.every((byte, index) => byte === right[index]);
}
