import {
  chmodSync,
  mkdirSync,
  mkdtempSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { lockDigest, taskPackages } from "./toolchain/python-environment.ts";
import { findToolchainsIn } from "./toolchains.ts";

let folder: string;
let home: string;
let system: string;

beforeEach(() => {
  folder = realpathSync(mkdtempSync(join(tmpdir(), "toolchains-")));
  [home, system] = [join(folder, "home"), join(folder, "system/bin")];
  mkdirSync(home);
  mkdirSync(system, { recursive: true });
});
afterEach(() => rmSync(folder, { recursive: true }));

/** A program that answers `--version` with its own line and anything else with `prefix`. */
function program(path: string, version: string, prefix = "no prefix"): string {
  mkdirSync(dirname(path), { recursive: true });
  writeFileSync(
    path,
    `#!/bin/sh\nif [ "$1" = --version ]; then echo "${version}"; echo more; else echo "${prefix}"; fi\n`,
  );
  chmodSync(path, 0o755);
  return path;
}

/** A toolchain of Rust as rustup keeps it, with its proxies in `~/.cargo/bin`. */
function rustup(): { readonly proxies: string; readonly sysroot: string } {
  const sysroot = join(home, ".rustup/toolchains/stable");
  for (const name of ["rustc", "cargo"]) {
    program(join(home, ".cargo/bin", name), `${name} through the proxy`, sysroot);
    program(join(sysroot, "bin", name), `${name} 1.95.0`);
  }
  return { proxies: join(home, ".cargo/bin"), sysroot };
}

const find = (...searchPath: string[]) =>
  findToolchainsIn({
    systemFolders: [system],
    searchPath: [...searchPath, system],
    home,
    environments: join(folder, "environments"),
  });

describe("toolchains", () => {
  test("of the system need no mount and are told by the first line of their version", async () => {
    const path = program(join(system, "sqlite3"), "3.40.1");
    expect(await find()).toEqual({
      toolchains: [{ name: "sqlite3", version: "3.40.1", path }],
      mounts: [],
      searchPath: [system],
    });
  });

  test("of rustup are shown by the toolchain's own folder, not by the proxies", async () => {
    const { proxies, sysroot } = rustup();
    expect(await find(proxies)).toEqual({
      toolchains: [
        { name: "rustc", version: "rustc 1.95.0", path: join(sysroot, "bin/rustc") },
        { name: "cargo", version: "cargo 1.95.0", path: join(sysroot, "bin/cargo") },
      ],
      mounts: [{ host: sysroot, inside: sysroot }],
      searchPath: [system, join(sysroot, "bin")],
    });
  });

  test("of the system are preferred to those that come first in PATH", async () => {
    const python = program(join(system, "python3"), "Python 3.11.2");
    const prefix = join(home, ".pyenv/versions/3.13");
    program(join(prefix, "bin/python3"), "Python 3.13.0");
    program(join(home, ".pyenv/shims/python3"), "Python 3.13.0", prefix);
    const found = await find(join(home, ".pyenv/shims"));
    expect(found.toolchains).toEqual([{ name: "python3", version: "Python 3.11.2", path: python }]);
    expect(found.mounts).toEqual([]);
  });

  test("never mix a cargo with the rustc of somebody else", async () => {
    const path = program(join(system, "rustc"), "rustc 1.63.0");
    const found = await find(rustup().proxies);
    expect(found.toolchains).toEqual([{ name: "rustc", version: "rustc 1.63.0", path }]);
  });

  test("are not offered where only a part of somebody's home would show them", async () => {
    program(join(home, ".local/bin/python3"), "Python 3.13.0", join(home, ".local"));
    program(join(home, "bin/sqlite3"), "3.50.0");
    const found = await find(join(home, ".local/bin"), join(home, "bin"));
    expect(found).toEqual({ toolchains: [], mounts: [], searchPath: [system] });
  });

  test("that links of the system lead to elsewhere are not taken for the system's", async () => {
    const outside = program(join(home, "tools/python/bin/python3"), "Python 3.13.0");
    symlinkSync(outside, join(system, "python3"));
    expect((await find()).toolchains).toEqual([]);
  });

  test("that fail to give a version are absent", async () => {
    writeFileSync(join(system, "cc"), "#!/bin/sh\nexit 1\n");
    chmodSync(join(system, "cc"), 0o755);
    expect((await find()).toolchains).toEqual([]);
  });

  test("older than what is accepted are passed over for newer ones, which then come first", async () => {
    program(join(system, "python3"), "Python 3.9.6");
    const prefix = join(home, ".pyenv/versions/3.13");
    const path = program(join(prefix, "bin/python3"), "Python 3.13.0");
    program(join(home, ".pyenv/shims/python3"), "Python 3.13.0", prefix);
    expect(await find(join(home, ".pyenv/shims"))).toEqual({
      toolchains: [{ name: "python3", version: "Python 3.13.0", path }],
      mounts: [{ host: prefix, inside: prefix }],
      searchPath: [join(prefix, "bin"), system],
    });
  });
});

describe("the environment of Python packages", () => {
  /** Installs a stand-in for one, whose Python gives `answer` to whatever it is asked. */
  async function environment(answer: object, lock?: string): Promise<string> {
    const installed = join(folder, "environments/python-1");
    const bin = join(installed, "venv/bin");
    program(join(bin, "python3"), "unused");
    writeFileSync(join(bin, "python3"), `#!/bin/sh\necho '${JSON.stringify(answer)}'\n`);
    const record = {
      lock: lock ?? (await lockDigest(taskPackages)),
      minor: 11,
      readOnly: [{ host: "/opt/python/3.11", inside: "/opt/python/3.11" }],
    };
    writeFileSync(join(installed, "installation.json"), JSON.stringify(record));
    return join(installed, "venv");
  }
  const answer = {
    python: "3.11.2",
    sqlite: "3.40.1",
    packages: { numpy: "2.4.6", torch: "2.13.0+cpu", jax: "0.10.2" },
  };

  test("has the one python3, first on PATH, with its packages and what lies below it", async () => {
    program(join(system, "python3"), "Python 3.12.1");
    const own = await environment(answer);
    const path = join(own, "bin/python3");
    expect(await find()).toEqual({
      toolchains: [
        { name: "python3", version: "Python 3.11.2", path },
        { name: "sqlite", version: "3.40.1", path },
        { name: "numpy", version: "2.4.6", path },
        { name: "torch", version: "2.13.0+cpu", path },
        { name: "jax", version: "0.10.2", path },
      ],
      mounts: [own, "/opt/python/3.11"].map((mount) => ({ host: mount, inside: mount })),
      searchPath: [join(own, "bin"), system],
    });
  });

  test("offers no package that it does not have", async () => {
    await environment({ ...answer, sqlite: null, packages: { torch: null, numpy: "2.4.6" } });
    const { toolchains } = await find();
    expect(toolchains.map(({ name }) => name)).toEqual(["python3", "numpy"]);
  });

  test.each([
    ["of another lock", () => environment(answer, "0".repeat(64))],
    [
      "whose Python is gone",
      async () => {
        const path = join(await environment(answer), "bin/python3");
        rmSync(path);
        symlinkSync(join(folder, "gone"), path);
      },
    ],
    ["whose Python does not answer", () => environment({})],
  ])("%s is passed over for the system's Python", async (_case, install) => {
    await install();
    const path = program(join(system, "python3"), "Python 3.12.1");
    const found = await find();
    expect(found.toolchains).toEqual([{ name: "python3", version: "Python 3.12.1", path }]);
    expect(found.searchPath).toEqual([system]);
  });
});
