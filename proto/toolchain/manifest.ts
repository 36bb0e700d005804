/**
 * What graders and nodes need for the tasks. Compilers and interpreters are accepted from a lowest
 * version on; Python packages have the exact versions of `requirements.txt` beside this file.
 */

/** Names that `toolchains` of a task.toml may hold. */
export const toolchainNames = [
  "bash",
  "cc",
  "c++",
  "rustc",
  "cargo",
  "python3",
  "sqlite",
  "numpy",
  "torch",
  "jax",
  "sqlite3",
  "node",
] as const;

/** See {@link toolchainNames}. */
export type ToolchainName = (typeof toolchainNames)[number];

/** Whether a text is one of {@link toolchainNames}. */
export function isToolchainName(name: string): name is ToolchainName {
  return toolchainNames.some((known) => known === name);
}

/** A compiler, an interpreter or a library that a process in the sandbox can use. */
export interface Toolchain {
  readonly name: ToolchainName;
  /** What it says of its version first, of 200 characters at most. */
  readonly version: string;
  /** Its program, or the one whose library it is, at the same path inside the sandbox as outside. */
  readonly path: string;
}

/** What is accepted as a toolchain. */
export interface ToolchainTerms {
  readonly name: ToolchainName;
  /** What it is for, as the end of "needed ...". */
  readonly neededFor: string;
  /** Kinds of it, told by the line in which they say their version; the first that matches holds. */
  readonly kinds: readonly ToolchainKind[];
}

/** A maker's toolchain of a name. */
export interface ToolchainKind {
  readonly maker: string;
  /** Finds the version, numbers with dots between, as its first group. */
  readonly version: RegExp;
  /** The lowest version that is accepted. */
  readonly oldest: string;
}

/** The first numbers with a dot between. */
const firstVersion = /(\d+(?:\.\d+)+)/;

/** Debian 12's compilers, with which the tasks are checked, and clang's with as much of C++20. */
const compilers: readonly ToolchainKind[] = [
  { maker: "clang", version: /clang version (\d+(?:\.\d+)+)/, oldest: "15.0" },
  // A distribution puts its own numbers in brackets before gcc's.
  { maker: "gcc", version: /^\S+ \([^)]*\) (\d+(?:\.\d+)+)/, oldest: "12.2" },
];

const one = (maker: string, oldest: string): readonly ToolchainKind[] => [
  { maker, version: firstVersion, oldest },
];

/** The manifest, in the order in which people read it. */
export const toolchainManifest: readonly ToolchainTerms[] = [
  { name: "bash", neededFor: "by the scripts of tasks", kinds: one("bash", "3.2") },
  { name: "cc", neededFor: "by tasks in C11, with sanitizers", kinds: compilers },
  { name: "c++", neededFor: "by tasks in C++20, with sanitizers", kinds: compilers },
  { name: "rustc", neededFor: "by tasks in Rust, edition 2021", kinds: one("rustc", "1.63") },
  { name: "cargo", neededFor: "by agents that build Rust with it", kinds: one("cargo", "1.63") },
  { name: "python3", neededFor: "by most tasks and their tests", kinds: one("Python", "3.11") },
  {
    name: "sqlite",
    neededFor: "by tasks in SQL, as the library of python3",
    kinds: one("SQLite", "3.40"),
  },
  { name: "numpy", neededFor: "by tasks with arrays", kinds: one("NumPy", "2.4") },
  { name: "torch", neededFor: "by tasks with PyTorch", kinds: one("PyTorch", "2.13") },
  { name: "jax", neededFor: "by tasks with JAX", kinds: one("JAX", "0.10") },
  {
    name: "sqlite3",
    neededFor: "by agents that try SQL by a command",
    kinds: one("SQLite", "3.40"),
  },
  { name: "node", neededFor: "by agents that use JavaScript", kinds: one("Node.js", "20") },
];

/** The Python packages, which `sweep toolchains install` puts into an environment of their own. */
export const pythonLock = {
  /** Relative to the package's root. */
  folder: "proto/toolchain",
  /** Minor versions of Python 3 for which the lock has digests of every package, the best first. */
  minors: [11, 12, 13, 14],
  /** What tasks import; loaded once at the end of an installation. */
  modules: ["numpy", "torch", "jax"],
} as const;

/** Names that come from {@link pythonLock} and from nothing else. */
export const lockedNames: readonly ToolchainName[] = ["numpy", "torch", "jax"];

/**
 * Why a program's own line about its version is not accepted, as the end of "found ..."; null if it is.
 *
 * @param line what it prints first when it is asked for its version
 */
export function refusal(name: ToolchainName, line: string): string | null {
  const kinds = toolchainManifest.find((terms) => terms.name === name)?.kinds ?? [];
  for (const { maker, version, oldest } of kinds) {
    const found = version.exec(line)?.[1];
    if (found === undefined) continue;
    return isAtLeast(found, oldest) ? null : `${maker} ${found}; accepted is ${oldest} or newer`;
  }
  const accepted = kinds.map(({ maker, oldest }) => `${maker} ${oldest} or newer`).join(", or ");
  return `${JSON.stringify(line)}; accepted is ${accepted}`;
}

function isAtLeast(found: string, oldest: string): boolean {
  const numbers = found.split(".").map(Number);
  for (const [place, least] of oldest.split(".").map(Number).entries()) {
    const number = numbers[place] ?? 0;
    if (number !== least) return number > least;
  }
  return true;
}

/**
 * Which of the needed toolchains are not among those that were found, in words for an error; null if
 * all are there. A name that this version does not know is missing everywhere.
 *
 * @param needed as `toolchains` of a task.toml has them
 */
export function missingToolchains(
  needed: readonly string[],
  found: readonly { readonly name: string }[],
): string | null {
  const missing = [...new Set(needed)].filter((name) => found.every((one) => one.name !== name));
  if (missing.length === 0) return null;
  return `no ${missing.join(", ")} (\`sweep toolchains\` there says what was found and what to do)`;
}
