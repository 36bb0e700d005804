import { describe, expect, test } from "vitest";
import { missingToolchains, refusal, toolchainManifest, toolchainNames } from "./manifest.ts";

describe("the manifest of toolchains", () => {
  test("has terms for every name, once", () => {
    expect(toolchainManifest.map(({ name }) => name)).toEqual([...toolchainNames]);
  });

  test.each([
    ["cc", "cc (Debian 12.2.0-14+deb12u1) 12.2.0"],
    ["cc", "gcc (GCC) 14.1.1 20240607 (Red Hat 14.1.1-5)"],
    ["c++", "c++ (Ubuntu 13.2.0-23ubuntu4) 13.2.0"],
    ["c++", "Apple clang version 15.0.0 (clang-1500.3.9.4)"],
    ["cc", "Homebrew clang version 20.1.8"],
    ["rustc", "rustc 1.63.0"],
    ["rustc", "rustc 1.95.0 (59807616e 2026-04-14)"],
    ["python3", "Python 3.11.2"],
    ["python3", "Python 3.14.0rc1"],
    ["sqlite", "3.40.0"],
    [
      "sqlite3",
      "3.40.1 2022-12-28 14:03:47 df5c253c0b3dd24916e4ec7cf77d3db5294cc9fd45ae7b9c5e82ad8197f3alt1",
    ],
    ["bash", "GNU bash, version 3.2.57(1)-release (arm64-apple-darwin23)"],
    ["torch", "2.13.0+cpu"],
    ["node", "v20.19.0"],
  ] as const)("accepts %s that says %s", (name, line) => {
    expect(refusal(name, line)).toBeNull();
  });

  test.each([
    ["cc", "gcc (Debian 10.2.1-6) 10.2.1 20210110", "gcc 10.2.1; accepted is 12.2 or newer"],
    ["c++", "Apple clang version 14.0.3", "clang 14.0.3; accepted is 15.0 or newer"],
    ["python3", "Python 3.9.6", "Python 3.9.6; accepted is 3.11 or newer"],
    ["sqlite", "3.39.5", "SQLite 3.39.5; accepted is 3.40 or newer"],
    [
      "rustc",
      "error: no default toolchain",
      '"error: no default toolchain"; accepted is rustc 1.63 or newer',
    ],
    ["cc", "tcc", '"tcc"; accepted is clang 15.0 or newer, or gcc 12.2 or newer'],
  ] as const)("refuses %s that says %s, and says why", (name, line, reason) => {
    expect(refusal(name, line)).toBe(reason);
  });
});

describe("what a task needs", () => {
  const found = [{ name: "cc" }, { name: "python3" }];

  test("is there, or is named", () => {
    expect(missingToolchains(["python3", "cc"], found)).toBeNull();
    expect(missingToolchains([], [])).toBeNull();
    expect(missingToolchains(["cc", "torch", "jax", "torch"], found)).toMatch(/^no torch, jax \(/);
  });

  test("is missing everywhere if nobody knows its name", () => {
    expect(missingToolchains(["cobol"], found)).toMatch(/^no cobol \(/);
  });
});
