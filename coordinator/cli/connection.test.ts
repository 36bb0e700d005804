import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { expect, test } from "vitest";
import { aLabFolder, sweep } from "../../test/support/cli.ts";
import { aFolder } from "../../test/support/folder.ts";
import { aServer, labToken } from "../../test/support/rpc.ts";
import { findLab } from "./lab-address.ts";

const empty = { listSweeps: async () => ({}) };

test("a coordinator is found through the lab's file of the folder or of a parent", async () => {
  const server = await aServer(empty);
  const folder = join(aLabFolder(server), "deep", "down");
  mkdirSync(folder, { recursive: true });
  expect(await sweep(["list"], { folder })).toMatchObject({ exitCode: 0, stderr: "" });
});

test("the option wins over the environment, which wins over the file", () => {
  const folder = aLabFolder({ address: "file:1" });
  const environment = { SWEEP_COORDINATOR: "environment:1" };
  const found = (option: string | undefined, environment: Record<string, string>) =>
    findLab(option, { folder, environment })?.coordinator;
  expect(found("option:1", environment)).toBe("option:1");
  expect(found(undefined, environment)).toBe("environment:1");
  expect(found(undefined, {})).toBe("file:1");
});

test("without any coordinator a command ends with 2 and says how to name one", async () => {
  const { exitCode, stderr } = await sweep(["list"]);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/sweep dev.*--coordinator.*SWEEP_LAB_TOKEN/);
});

test("a coordinator without a token ends with 2", async () => {
  const { exitCode, stderr } = await sweep(["list", "--coordinator", "127.0.0.1:1"]);
  expect(exitCode).toBe(2);
  expect(stderr).toMatch(/no lab token for the coordinator at 127\.0\.0\.1:1/);
});

test("a damaged lab file is named", async () => {
  const folder = aFolder();
  mkdirSync(join(folder, ".sweep"));
  const path = join(folder, ".sweep", "lab.json");
  writeFileSync(path, "{");
  const { exitCode, stderr } = await sweep(["list"], { folder });
  expect(exitCode).toBe(2);
  expect(stderr).toContain(path);
});

test("a coordinator that is away ends with 1, its address and where it came from", async () => {
  const server = await aServer(empty);
  const folder = aLabFolder(server);
  await server.close(0);
  const { exitCode, stderr } = await sweep(["list"], { folder });
  expect(exitCode).toBe(1);
  expect(stderr).toContain(`cannot reach the coordinator at ${server.address}`);
  expect(stderr).toContain("lab.json");
});

test("a wrong token ends with 1 and says which variable to set", async () => {
  const server = await aServer(empty);
  const { exitCode, stderr } = await sweep(["list"], { folder: aLabFolder(server, "a guess") });
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/token is missing or wrong; set SWEEP_LAB_TOKEN/);
});

test("the token of the environment wins over the file's", async () => {
  const server = await aServer(empty);
  const environment = { SWEEP_LAB_TOKEN: labToken };
  const folder = aLabFolder(server, "a guess");
  expect(await sweep(["list"], { folder, environment })).toMatchObject({ exitCode: 0 });
});

test("a fault of the coordinator ends with 1 and shows no detail of it", async () => {
  const server = await aServer({
    listSweeps: async () => {
      throw new Error("secret");
    },
  });
  const { exitCode, stderr } = await sweep(["list"], { folder: aLabFolder(server) });
  expect(exitCode).toBe(1);
  expect(stderr).toMatch(/failed: internal error/);
  expect(stderr).not.toContain("secret");
});

test("an unknown command or option ends with 2", async () => {
  expect(await sweep(["rum"])).toMatchObject({ exitCode: 2 });
  expect(await sweep(["list", "--jason"])).toMatchObject({ exitCode: 2 });
  expect(await sweep(["show"])).toMatchObject({ exitCode: 2 });
});

const commands =
  "plan run list status pause resume cancel results runs show trace audit requeue regrade nodes models drain doctor tasks toolchains dev coordinator node grader";

test.each(commands.split(" "))("`sweep help %s` teaches with examples", async (name) => {
  const { exitCode, stdout } = await sweep(["help", name]);
  expect(exitCode).toBe(0);
  expect(stdout).toMatch(new RegExp(`^Usage: sweep ${name}`));
  expect(stdout).toMatch(new RegExp(`\nExamples:\n  sweep ${name}`));
});

const printing =
  "plan run list status pause resume cancel results runs show trace audit requeue regrade nodes models drain doctor toolchains";

test.each(printing.split(" "))("`sweep %s` has --json", async (name) => {
  expect((await sweep(["help", name])).stdout).toContain("--json");
});
