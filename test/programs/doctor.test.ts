import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import type { Finding } from "../../coordinator/cli/finding.ts";
import { requirements } from "../../deploy/provision/requirements.ts";
import { PROGRAM_VERSION } from "../../proto/version.ts";
import { aLabFolder, sweep } from "../support/cli.ts";
import { aFolder } from "../support/folder.ts";
import { aServer } from "../support/rpc.ts";
import { writeBrokenGguf } from "../support/tiny-gguf/broken-gguf.ts";
import { writeGguf } from "../support/tiny-gguf/gguf-file.ts";
import { randomModel } from "../support/tiny-gguf/random-model.ts";

test("`doctor` ends with 1 when the coordinator it is told of is away", async () => {
  const server = await aServer();
  const folder = aLabFolder(server);
  await server.close(0);
  const { exitCode, stdout } = await sweep(["doctor"], { folder });
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/coordinator +fault/);
});

test("`doctor` names nodes of another version", async () => {
  const nodes = [{ name: "studio", connected: true, programVersion: "0.0.1" }];
  const programVersion = PROGRAM_VERSION;
  const server = await aServer({ listNodes: async () => ({ nodes, programVersion }) });
  const { exitCode, stdout } = await sweep(["doctor"], { folder: aLabFolder(server) });
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/install version .* on studio/);
});

test("`doctor` names a coordinator of another version", async () => {
  const server = await aServer({ listNodes: async () => ({ programVersion: "0.0.1" }) });
  const { exitCode, stdout } = await sweep(["doctor"], { folder: aLabFolder(server) });
  expect(exitCode).toBe(1);
  expect(stdout).toMatch(/is harness-sweep 0\.0\.1, this is/);
});

test("`doctor` names weights that cannot be served", async () => {
  const folder = aFolder();
  writeGguf(join(folder, "whole.gguf"), randomModel());
  writeBrokenGguf(folder, "data cut");
  const environment = { SWEEP_MODELS: folder, SWEEP_DATA: aFolder() };
  const { exitCode, stdout } = await sweep(["doctor", "--json"], { environment });
  expect(exitCode).toBe(1);
  const findings: Finding[] = JSON.parse(stdout).findings;
  expect(findings.filter(({ what }) => what === "models")).toMatchObject([
    { state: "ok", detail: `1 in ${folder}` },
    { state: "fault", detail: expect.stringContaining("broken.gguf cannot be used") },
  ]);
});

test("`doctor` names the build of llama-server, and one that is none", async () => {
  const folder = aFolder();
  const program = (name: string, text: string): string => {
    const path = join(folder, name);
    writeFileSync(path, `#!/bin/sh\n${text}\n`, { mode: 0o755 });
    return path;
  };
  const findingOf = async (path: string) => {
    const environment = { SWEEP_LLAMA_SERVER: path, SWEEP_DATA: aFolder() };
    const { stdout } = await sweep(["doctor", "--json"], { environment });
    const findings: Finding[] = JSON.parse(stdout).findings;
    return findings.find(({ what }) => what === "llama-server");
  };
  const real = program(
    "real",
    "case $1 in --version) echo 'version: 9190 (b64739ea3)' >&2 ;; esac",
  );
  expect(await findingOf(real)).toMatchObject({
    state: "ok",
    detail: expect.stringContaining("b9190-b64739ea3"),
  });
  expect(await findingOf(program("other", "exit 3"))).toMatchObject({ state: "fault" });
});

test("`doctor` reports on every program that this platform needs, and how to get what is absent", async () => {
  const { exitCode, stdout } = await sweep(["doctor", "--json"]);
  expect(exitCode).toBe(0);
  const findings: Finding[] = JSON.parse(stdout).findings;
  for (const { name, howToGet } of requirements(process.platform)) {
    const finding = findings.find(({ what }) => what === name);
    expect(finding?.remedy).toBe(finding?.state === "absent" ? howToGet : "");
  }
  expect(findings).toContainEqual(expect.objectContaining({ what: "harness pi", state: "absent" }));
});
