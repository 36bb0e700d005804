import { chmodSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { z } from "zod";
import { lockedNames, toolchainNames } from "../../proto/toolchain/manifest.ts";
import { toolchainFolder } from "../../proto/toolchain/python-environment.ts";
import { probeSanitizers } from "../../proto/toolchain/sanitizers.ts";
import { sweep } from "../support/cli.ts";
import { aFolder } from "../support/folder.ts";

const answer = z.object({
  toolchains: z.array(
    z.object({ what: z.string(), state: z.string(), detail: z.string(), remedy: z.string() }),
  ),
});

const environment = { PATH: process.env["PATH"] ?? "", SWEEP_TOOLCHAINS: toolchainFolder() };

async function listed(changes: Record<string, string> = {}) {
  const options = { environment: { ...environment, ...changes } };
  const { exitCode, stdout } = await sweep(["toolchains", "--json"], options);
  const { toolchains } = answer.parse(JSON.parse(stdout));
  return { exitCode, of: new Map(toolchains.map(({ what, ...rest }) => [what, rest])) };
}

test("`sweep toolchains` has every toolchain of the manifest, with sanitizers that work and packages as installed", async () => {
  const { exitCode, of } = await listed();
  expect(exitCode).toBe(0);
  expect([...of.keys()]).toEqual(expect.arrayContaining([...toolchainNames]));
  // apt's rustc comes without it.
  of.delete("cargo");
  expect([...of].filter(([, { state }]) => state !== "ok")).toEqual([]);
  expect([...of.keys()].filter((what) => what.includes("-fsanitize="))).toHaveLength(4);
});

test("`sweep toolchains` says of missing packages how to get them, and still has the system's Python", async () => {
  const { exitCode, of } = await listed({ SWEEP_TOOLCHAINS: aFolder() });
  expect(exitCode).toBe(0);
  for (const name of [...lockedNames, "python packages"]) {
    const remedy = "`sweep toolchains install`";
    expect(of.get(name)).toMatchObject({ state: "absent", remedy });
  }
  expect(of.get("python3")).toMatchObject({ state: "ok" });
});

test("a compiler without the libraries of its sanitizers is found out, with its own words", async () => {
  const compiler = join(aFolder(), "cc");
  writeFileSync(compiler, "#!/bin/sh\necho no sanitizers here >&2\nexit 1\n");
  chmodSync(compiler, 0o755);
  expect(await probeSanitizers(compiler, "c")).toEqual([
    { flag: "-fsanitize=address,undefined", fault: "no sanitizers here" },
    { flag: "-fsanitize=thread", fault: "no sanitizers here" },
  ]);
});
