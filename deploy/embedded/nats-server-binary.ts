import { execFile } from "node:child_process";
import { join } from "node:path";
import { promisify } from "node:util";
import { findProgram, isExecutable } from "../../proto/find-program.ts";
import { EmbeddedServerError } from "./server-error.ts";

/** A nats-server on this machine. */
export interface NatsServerBinary {
  readonly path: string;
  readonly version: { readonly major: number; readonly minor: number; readonly patch: number };
}

/** Folder into which provisioning unpacks Debian's package when it may not install it. */
export const unpackedToolsFolder = (dataFolder: string): string => join(dataFolder, "tools");

/**
 * Finds a nats-server: the one that `NATS_SERVER_BIN` names, else the one unpacked under the data
 * folder, else on PATH, else where package managers put it. No running server is ever adopted.
 *
 * @returns undefined when there is none.
 * @throws EmbeddedServerError when `NATS_SERVER_BIN` names no program, or what was found does not say
 *   its version.
 */
export async function findNatsServer(options: {
  readonly dataFolder: string;
  readonly environment: Readonly<Record<string, string | undefined>>;
}): Promise<NatsServerBinary | undefined> {
  const { dataFolder, environment } = options;
  const named = environment["NATS_SERVER_BIN"];
  if (named !== undefined && named !== "" && !isExecutable(named)) {
    throw new EmbeddedServerError("nats-server", `NATS_SERVER_BIN names no program: ${named}`, {});
  }
  const path =
    named ||
    findProgram("nats-server", {
      path: environment["PATH"],
      before: [join(unpackedToolsFolder(dataFolder), "usr/sbin")],
    });
  return path === undefined ? undefined : { path, version: await versionOf(path) };
}

async function versionOf(path: string): Promise<NatsServerBinary["version"]> {
  let output: string;
  try {
    ({ stdout: output } = await promisify(execFile)(path, ["--version"], { timeout: 10_000 }));
  } catch (cause) {
    throw new EmbeddedServerError("nats-server", `${path} --version failed`, { cause });
  }
  const [, major, minor, patch] = /v(\d+)\.(\d+)\.(\d+)/.exec(output) ?? [];
  if (major === undefined) {
    throw new EmbeddedServerError("nats-server", `${path} --version says "${output.trim()}"`, {});
  }
  return { major: Number(major), minor: Number(minor), patch: Number(patch) };
}
