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
  findToolchainsIn({ systemFolders: [system], searchPath: [...searchPath, system], home });

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
});
