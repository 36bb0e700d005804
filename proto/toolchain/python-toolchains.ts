import { join } from "node:path";
import { lockedNames, refusal, type Toolchain, type ToolchainName } from "./manifest.ts";
import { askPython, type PythonAnswer, type PythonEnvironment } from "./python-environment.ts";

/** The toolchains of an environment: its Python, the library of SQLite, the packages. Null if it does not run. */
export async function environmentToolchains({
  programs,
}: PythonEnvironment): Promise<readonly Toolchain[] | null> {
  const path = join(programs, "python3");
  const answer = await askPython(path, lockedNames);
  if (answer === null) return null;
  const { packages } = answer;
  return accepted(path, [
    ["python3", `Python ${answer.python}`],
    ...libraries(answer),
    ...lockedNames.map((name) => [name, packages[name] ?? null] as const),
  ]);
}

/** The toolchains that a Python brings beside itself. Of its packages none: no lock says what they are. */
export async function libraryToolchains({
  path,
}: Pick<Toolchain, "path">): Promise<readonly Toolchain[]> {
  const answer = await askPython(path, []);
  return answer === null ? [] : accepted(path, libraries(answer));
}

type Said = readonly [ToolchainName, string | null];

const libraries = ({ sqlite }: PythonAnswer): readonly Said[] => [["sqlite", sqlite]];

const accepted = (path: string, said: readonly Said[]): readonly Toolchain[] =>
  said.flatMap(([name, version]) =>
    version === null || refusal(name, version) !== null ? [] : [{ name, version, path }],
  );
