import { execFile } from "node:child_process";
import { realpath } from "node:fs/promises";
import { homedir } from "node:os";
import { delimiter, join } from "node:path";
import { promisify } from "node:util";
import { z } from "zod";
import type { Mount } from "../sandbox/sandbox.ts";
import { foldersToShow } from "../toolchains.ts";

const run = promisify(execFile);

/** A Python of this machine that virtual environments can be made with. */
export interface Python {
  /** Absolute, with links resolved. */
  readonly path: string;
  /** For example `3.12.1`. */
  readonly version: string;
  /** What a sandbox has to show beside the system's own folders for it to work inside. */
  readonly readOnly: readonly Mount[];
}

/** No Python of this machine is suitable. The message says what was found and what to do. */
export class PythonAbsentError extends Error {
  override readonly name = "PythonAbsentError";
}

/** Where Pythons are looked for. */
export interface PythonPlaces {
  /** Folders with programs, in order of preference. */
  readonly searchPath: readonly string[];
  /** Home of this user. */
  readonly home: string;
}

/** The places of this process: PATH, and where macOS and Linux have programs if PATH does not. */
export const pythonPlaces = (): PythonPlaces => ({
  searchPath: [
    ...(process.env["PATH"] ?? "").split(delimiter).filter((folder) => folder.startsWith("/")),
    "/usr/bin",
    "/usr/local/bin",
    "/opt/homebrew/bin",
  ],
  home: homedir(),
});

const answerWithinMs = 10_000;

/** Debian keeps what makes virtual environments in a package of its own, without which `ensurepip` is absent. */
const question = [
  "import importlib.util, json, os, sys",
  "executable = getattr(sys, '_base_executable', None) or sys.executable",
  "print(json.dumps({'version': list(sys.version_info[:3]), 'prefix': sys.base_prefix,",
  "  'path': os.path.realpath(executable),",
  "  'makesEnvironments': all(importlib.util.find_spec(name) for name in ('venv', 'ensurepip'))}))",
].join("\n");

const answer = z.object({
  version: z.tuple([z.int(), z.int(), z.int()]),
  prefix: z.string(),
  path: z.string(),
  makesEnvironments: z.boolean(),
});

/** A Python that answered; `readOnly` is null if a sandbox cannot show it. */
interface Candidate extends Omit<z.infer<typeof answer>, "prefix"> {
  readonly readOnly: readonly Mount[] | null;
}

/**
 * The Python 3 whose minor version comes first in `minors`; of several, one of the system before one
 * that has to be shown to sandboxes.
 *
 * @throws PythonAbsentError
 */
export async function findPython(minors: readonly number[], places: PythonPlaces): Promise<Python> {
  const names = ["python3", ...minors.map((minor) => `python3.${minor}`)];
  const programs = [...new Set(places.searchPath)].flatMap((folder) =>
    names.map((name) => join(folder, name)),
  );
  const answers = await Promise.all(programs.map((program) => ask(program, places.home)));
  const found = answers.filter((candidate) => candidate !== null);
  const [best] = found
    .filter(({ version: [major, minor] }) => major === 3 && minors.includes(minor))
    .flatMap(({ readOnly, ...candidate }) =>
      readOnly !== null && candidate.makesEnvironments ? [{ ...candidate, readOnly }] : [],
    )
    .sort(
      (one, other) =>
        minors.indexOf(one.version[1]) - minors.indexOf(other.version[1]) ||
        one.readOnly.length - other.readOnly.length,
    );
  if (best === undefined) throw new PythonAbsentError(whatToDo(minors, found));
  return { path: best.path, version: best.version.join("."), readOnly: best.readOnly };
}

async function ask(program: string, home: string): Promise<Candidate | null> {
  try {
    const { stdout } = await run(program, ["-I", "-c", question], {
      timeout: answerWithinMs,
      killSignal: "SIGKILL",
    });
    const { prefix, path, ...rest } = answer.parse(JSON.parse(stdout));
    const resolved = await realpath(path);
    const shown = await foldersToShow(resolved, prefix, home);
    const readOnly = shown?.map((folder) => ({ host: folder, inside: folder })) ?? null;
    return { ...rest, path: resolved, readOnly };
  } catch {
    // Absent, too old for the question, or a stand-in that leads nowhere, as pyenv lays them.
    return null;
  }
}

function whatToDo(minors: readonly number[], found: readonly Candidate[]): string {
  const accepted = `3.${Math.min(...minors)} to 3.${Math.max(...minors)}`;
  const [best = Math.max(...minors)] = minors;
  const seen = found.map(({ path, version, makesEnvironments, readOnly }) => {
    const lacks = makesEnvironments ? "" : ", without venv (Debian: apt install python3-venv)";
    const hidden = readOnly === null ? ", where a sandbox cannot show it" : "";
    return `${version.join(".")} (${path}${lacks}${hidden})`;
  });
  const here = seen.length === 0 ? "none" : [...new Set(seen)].join(", ");
  return (
    `found Python ${here}; accepted is ${accepted} on PATH, with venv. ` +
    `\`brew install python@3.${best}\`, \`uv python install 3.${best}\` or the system's packages bring one`
  );
}
