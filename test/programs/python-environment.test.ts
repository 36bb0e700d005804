import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test, vi } from "vitest";
import { InstallationError } from "../../proto/installation-step.ts";
import {
  environmentDamage,
  installIntactPythonEnvironment,
  installPythonEnvironment,
} from "../../proto/toolchain/install-python.ts";
import {
  askPython,
  findPythonEnvironment,
  type PythonLock,
  taskPackages,
  toolchainFolder,
} from "../../proto/toolchain/python-environment.ts";
import { writeTinyWheel } from "../support/tiny-wheel.ts";

let root: string;
/** Where environments are installed. */
let folder: string;
let lock: PythonLock;
const printed: string[] = [];

beforeEach(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), "python-environment-")));
  folder = join(root, "toolchains");
  const file = join(root, "requirements.txt");
  writeFileSync(file, writeTinyWheel(root));
  lock = { file, minors: taskPackages.minors, modules: ["tiny"] };
  printed.length = 0;
  vi.stubEnv("PIP_NO_INDEX", "1");
  vi.stubEnv("PIP_FIND_LINKS", root);
});
afterEach(() => {
  vi.unstubAllEnvs();
  rmSync(root, { recursive: true });
});

const settings = (changes: Partial<PythonLock> = {}) => ({
  lock: { ...lock, ...changes },
  folder,
  print: (line: string) => void printed.push(line),
  signal: new AbortController().signal,
});

describe("an environment of Python packages", () => {
  test("has what its lock names and nothing else, once, however many ask for it at one time", async () => {
    const abandoned = join(folder, ".installing-python-0-0");
    mkdirSync(abandoned, { recursive: true });
    utimesSync(abandoned, 0, 0);
    const [installed, other] = await Promise.all([
      installPythonEnvironment(settings()),
      installPythonEnvironment(settings()),
    ]);
    expect(other).toEqual(installed);
    expect(readdirSync(folder)).toHaveLength(1);
    printed.length = 0;
    expect(await installPythonEnvironment(settings())).toEqual(installed);
    expect(printed).toEqual([]);

    const python = join(installed.programs, "python3");
    const say = (program: string, ...parameters: string[]) =>
      execFileSync(program, parameters, { encoding: "utf8" }).trim();
    const names = "import importlib.metadata as m; print([d.name for d in m.distributions()])";
    expect(say(python, "-I", "-c", names)).toBe("['tiny']");
    const modules = join(installed.folder, "venv/lib");
    expect(say(join(installed.programs, "tiny"))).toContain(`tiny says ${modules}`);
    const compiled = "import tiny; print(tiny.main.__code__.co_filename)";
    expect(say(python, "-I", "-c", compiled)).toContain(modules);
    expect(readFileSync(join(installed.programs, "activate"), "utf8")).not.toContain(".installing");
    expect(installed.mounts[0]?.host).toBe(join(installed.folder, "venv"));
    expect(await askPython(python, ["tiny", "absent"])).toMatchObject({
      packages: { tiny: "1.0", absent: null },
    });
  });

  test("that has changed, or whose Python is gone, is found out and installed anew", async () => {
    const installed = await installPythonEnvironment(settings());
    expect(await environmentDamage(installed)).toBeNull();
    const [version = ""] = readdirSync(join(installed.folder, "venv/lib"));
    const module = join(installed.folder, "venv/lib", version, "site-packages/tiny.py");
    appendFileSync(module, "main = None\n");
    expect(await environmentDamage(installed)).toMatch(/^changed: venv\/lib\/.*\/tiny\.py$/);
    expect(await installPythonEnvironment(settings())).toEqual(installed);
    expect(await installIntactPythonEnvironment(settings())).toEqual(installed);
    expect(await environmentDamage(installed)).toBeNull();
    expect(printed.join("\n")).toMatch(/changed: .*tiny\.py; installing anew/);

    rmSync(join(installed.programs, "python3"));
    symlinkSync(join(root, "gone"), join(installed.programs, "python3"));
    expect(await findPythonEnvironment(folder, lock)).toBeNull();
    expect(await installPythonEnvironment(settings())).toEqual(installed);
    expect(await environmentDamage(installed)).toBeNull();
  });
});

describe("an environment that cannot be installed leaves nothing behind and says why", () => {
  const failure = async (changes: Partial<PythonLock>) => {
    const error: unknown = await installPythonEnvironment(settings(changes)).catch(
      (thrown: unknown) => thrown,
    );
    expect(error).toBeInstanceOf(InstallationError);
    return error instanceof Error ? error.message : "";
  };
  const left = () => readdirSync(root).includes("toolchains") && readdirSync(folder).length > 0;

  test("if a package has another digest than the lock says", async () => {
    writeFileSync(lock.file, `tiny==1.0 --hash=sha256:${"0".repeat(64)}\n`);
    expect(await failure({})).toMatch(/do not match the hashes/i);
    expect(left()).toBe(false);
  });

  test("if PyTorch's build for the CPU is in no index that pip knows", async () => {
    writeFileSync(lock.file, `torch==2.13.0+cpu --hash=sha256:${"0".repeat(64)}\n`);
    expect(await failure({})).toMatch(/set PIP_EXTRA_INDEX_URL to .*PyTorch/);
    expect(left()).toBe(false);
  });

  test("if a module does not load", async () => {
    expect(await failure({ modules: ["tiny", "absent"] })).toContain("No module named 'absent'");
    expect(left()).toBe(false);
  });

  test("if no Python of the machine suits", async () => {
    expect(await failure({ minors: [99] })).toContain("accepted is 3.99");
    expect(left()).toBe(false);
  });
});

test("the packages of the tasks are installed where tests run, as the lock has them", async () => {
  const installed = await findPythonEnvironment(toolchainFolder(), taskPackages);
  const python = join(installed?.programs ?? "", "python3");
  const names = ["numpy", "torch", "jax", "jaxlib"];
  const answer = await askPython(python, names);
  const text = readFileSync(taskPackages.file, "utf8");
  for (const name of names) expect(text).toContain(`\n${name}==${answer?.packages[name]} `);
});
