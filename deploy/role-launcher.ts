import {
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import { stringify } from "yaml";
import { spawnTethered, type TetheredProcess } from "../proto/tether.ts";
import { endLeftover } from "./embedded/leftover.ts";
import { EmbeddedServerError } from "./embedded/server-error.ts";

/** A role of the lab, with what tells its process apart from others. */
export interface RoleProcess {
  readonly role: "coordinator" | "node" | "grader";
  /** Name of its log, configuration and process id file. */
  readonly name: string;
  /** Settings as in the role's own schema; undefined ones are left out. */
  readonly settings: Readonly<Record<string, string | number | readonly string[] | undefined>>;
  /** Time for an orderly stop, in milliseconds. */
  readonly graceMs: number;
}

/** Longest time from start to the ready line: a node proves its model files and toolchains. */
const readyLimitMs = 60_000;
/** The tether of an earlier lab has asked it to stop already. */
const leftoverGraceMs = 4_000;

/**
 * Starts a role as a process of its own and returns when it says that it serves. Its settings go
 * through a file that only this user can read; the file's path, which lies in the lab's folder, also
 * marks the process as this lab's.
 *
 * @param program program and leading arguments of the `sweep` command.
 * @throws EmbeddedServerError when the role ends or stays silent instead, or `signal` aborts first;
 *   the process has ended then.
 */
export async function startRole(
  { role, name, settings, graceMs }: RoleProcess,
  options: {
    readonly dataFolder: string;
    readonly program: readonly [string, ...string[]];
    readonly environment: Readonly<Record<string, string>>;
    readonly signal: AbortSignal;
  },
): Promise<TetheredProcess> {
  const { dataFolder, program, environment, signal } = options;
  const files = roleFiles(dataFolder, name);
  for (const file of Object.values(files)) mkdirSync(dirname(file), { recursive: true });
  writeFileSync(files.config, stringify(settings), { mode: 0o600 });
  const log = openSync(files.log, "a", 0o600);
  const [command, ...leading] = program;
  const child = await spawnTethered({
    program: command,
    arguments: [...leading, role, "--config", files.config],
    environment,
    workingFolder: dataFolder,
    stdout: "pipe",
    stderr: log,
    stopSignal: "SIGTERM",
    graceMs,
  }).finally(() => closeSync(log));
  writeFileSync(files.pid, `${child.pid}\n`);
  void child.exited.then(() => rmSync(files.pid, { force: true }));

  if (await isReady(child, signal)) return child;
  const { code, signal: killedBy } = await child.stop();
  throw new EmbeddedServerError(
    name,
    `ended before it was ready (${killedBy ?? `exit code ${code}`})`,
    {
      logFile: files.log,
    },
  );
}

/** Ends the role processes that an earlier lab on the same folder may have left. */
export async function endLeftoverRoles(dataFolder: string): Promise<void> {
  const folder = join(dataFolder, "pids");
  const names = existsSync(folder) ? readdirSync(folder) : [];
  await Promise.all(
    names.map(async (name) => {
      const { config, pid: file } = roleFiles(dataFolder, name);
      const pid = Number(readFileSync(file, "utf8"));
      await endLeftover({
        pid,
        belongsTo: config,
        stopSignal: "SIGTERM",
        graceMs: leftoverGraceMs,
      });
      rmSync(file, { force: true });
    }),
  );
}

function roleFiles(dataFolder: string, name: string) {
  return {
    config: join(dataFolder, "config", `${name}.yaml`),
    log: join(dataFolder, "logs", `${name}.log`),
    pid: join(dataFolder, "pids", name),
  };
}

function isReady(child: TetheredProcess, signal: AbortSignal): Promise<boolean> {
  const { stdout } = child;
  if (stdout === null) return Promise.resolve(false);
  return new Promise((resolve) => {
    const settle = (ready: boolean): void => {
      clearTimeout(timer);
      signal.removeEventListener("abort", giveUp);
      resolve(ready);
    };
    const giveUp = (): void => settle(false);
    const timer = setTimeout(giveUp, readyLimitMs);
    signal.addEventListener("abort", giveUp);
    if (signal.aborted) giveUp();
    void child.exited.then(giveUp);
    void readLines(stdout, (line) => {
      if (line.startsWith("ready ")) settle(true);
    });
  });
}

/** Reads to the end, so that a role which says more than it should never blocks on a full pipe. */
async function readLines(stream: Readable, take: (line: string) => void): Promise<void> {
  for await (const line of createInterface({ input: stream })) take(line);
}
