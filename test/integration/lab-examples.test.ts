import { execFileSync } from "node:child_process";
import { copyFileSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import { findNatsServer } from "../../deploy/embedded/nats-server-binary.ts";
import { packageRoot } from "../../proto/package-root.ts";

describe("the example configuration of NATS", () => {
  let folder: string;
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), "sweep-lab-examples-"));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const printUsers = (...names: string[]): string =>
    execFileSync(
      process.execPath,
      ["--import", "tsx", join(packageRoot, "deploy/lab/nats-users.ts"), ...names],
      { cwd: packageRoot, encoding: "utf8", stdio: ["ignore", "pipe", "pipe"] },
    );

  test("is accepted by the server together with the users that the command prints", async () => {
    const binary = await findNatsServer({
      dataFolder: join(packageRoot, ".sweep"),
      environment: process.env,
    });
    const { path, version } = binary!;
    writeFileSync(
      join(folder, "nats-users.conf"),
      printUsers("--node", "mac-1", "--node", "mac-2", "--grader", "linux-1"),
    );
    const file = join(folder, "nats-server.conf");
    copyFileSync(join(packageRoot, "deploy/lab/nats-server.conf"), file);
    if (version.major === 2 && version.minor < 10) {
      // As the file itself says for this version.
      const text = readFileSync(file, "utf8");
      writeFileSync(file, text.replace(/^\s*sync_interval: always\n/m, ""));
    }
    const check = () => execFileSync(path, ["-t", "-c", file], { stdio: "pipe" });
    expect(check).not.toThrow();
    writeFileSync(join(folder, "nats-users.conf"), "users: [ { user: alone } ");
    expect(check).toThrow("Command failed");
  });

  test("has a user for each name, every password different, and refuses what is no name", () => {
    const text = printUsers("--node", "mac-1", "--node", "mac-2", "--grader", "linux-1");
    const users: { user: string; password: string }[] = JSON.parse(text.slice("users: ".length));
    expect(users.map(({ user }) => user)).toEqual([
      "coordinator",
      "node-mac-1",
      "node-mac-2",
      "grader-linux-1",
    ]);
    expect(new Set(users.map(({ password }) => password)).size).toBe(4);
    expect(() => printUsers("--node", "Mac 1")).toThrow("not a name: Mac 1");
  });
});
