import { randomBytes } from "node:crypto";
import { mkdirSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { Logger } from "../proto/log.ts";
import { coordinatorUser, graderUser, nodeUser } from "../proto/nats/permissions.ts";
import { packageRoot } from "../proto/package-root.ts";
import { keptPort, loopback } from "./embedded/kept-port.ts";
import { startNats } from "./embedded/nats.ts";
import { labUsers } from "./embedded/nats-config.ts";
import { findNatsServer } from "./embedded/nats-server-binary.ts";
import { startPostgres } from "./embedded/postgres.ts";
import type { EmbeddedServer } from "./embedded/server.ts";
import { EmbeddedServerError } from "./embedded/server-error.ts";
import { lockLab } from "./lab-lock.ts";
import { LabProcess } from "./lab-process.ts";
import { endLeftoverRoles, type RoleProcess, startRole } from "./role-launcher.ts";

/** A whole lab on this machine: real servers and one process for each role. */
export interface LocalLab {
  /** `host:port` of the coordinator. */
  readonly address: string;
  /** Shared by coordinator, nodes and operators. */
  readonly labToken: string;
  readonly databaseUrl: string;
  readonly postgres: LabProcess;
  readonly nats: LabProcess;
  readonly coordinator: LabProcess;
  readonly grader: LabProcess;
  /** Named `node-1`, `node-2`, ... */
  readonly nodes: readonly LabProcess[];
  /** Ends all processes in order, within 10 seconds even if one hangs. Idempotent. */
  stop(): Promise<void>;
}

/** What a local lab consists of and how it is started. */
export interface LocalLabOptions {
  /** Everything the lab keeps: databases, logs, outboxes. Created if missing. */
  readonly dataFolder: string;
  /** How many nodes to start, at least one. */
  readonly nodes: number;
  /** Settings of the roles beside those that join them to the lab, by role. */
  readonly settings: Readonly<Record<RoleProcess["role"], RoleProcess["settings"]>>;
  /** Program and leading arguments of the `sweep` command; of this installation's build unless a test says otherwise. */
  readonly program?: readonly [string, ...string[]];
  readonly log: Logger;
  /** Gives up starting; a lab that has started is ended by its `stop`. */
  readonly signal: AbortSignal;
}

/**
 * Together with the servers' own 3.5 seconds these stay under 10: first who reports to the
 * coordinator, then the coordinator, then what it stands on.
 */
const graceMs = { node: 4_000, grader: 4_000, coordinator: 2_000 } as const;

/** What roles need of this process's environment to find programs and folders. Keys of vendors go to nodes alone. */
const passedOn = [
  "PATH",
  "HOME",
  "USER",
  "LANG",
  "LC_ALL",
  "TMPDIR",
  "CARGO_HOME",
  "RUSTUP_HOME",
  "SWEEP_TOOLCHAINS",
];

/** Names the variables that hold keys of hosted models, as it does for a node that is started alone. */
const vendorKeys = "SWEEP_VENDOR_KEYS";

/**
 * Starts a lab in `dataFolder` and returns when every process serves. From then on a process that
 * dies is started again until `stop`. Where to reach the lab stands in `lab.json` of the folder while
 * it runs. All processes end with this one; those that an earlier lab left are ended first.
 *
 * @throws LabLockedError when another lab uses the folder, EmbeddedServerError naming the process
 *   that did not start, the signal's reason when it aborts; nothing is left running then.
 */
export async function startLocalLab(options: LocalLabOptions): Promise<LocalLab> {
  const { dataFolder, log, signal } = options;
  mkdirSync(dataFolder, { recursive: true, mode: 0o755 });
  const unlock = await lockLab(dataFolder);
  const labFile = join(dataFolder, "lab.json");
  const startOrder: LabProcess[][] = [];
  const stop = async (): Promise<void> => {
    rmSync(labFile, { force: true });
    for (const group of startOrder.toReversed())
      await Promise.all(group.map((each) => each.stop()));
    unlock();
    log.info("lab stopped");
  };
  let stopped: Promise<void> | undefined;
  const stopOnce = (): Promise<void> => {
    stopped ??= stop();
    return stopped;
  };
  const giveUp = (): void => void stopOnce();
  signal.addEventListener("abort", giveUp);
  try {
    const { lab, groups } = await layOut(options);
    for (const group of groups) {
      signal.throwIfAborted();
      startOrder.push(group);
      await startAll(group);
    }
    signal.throwIfAborted();
    const { address: coordinator, labToken } = lab;
    const databaseUrl = lab.databaseUrl();
    const content = { coordinator, labToken, psql: `psql '${databaseUrl}'` };
    writeFileSync(labFile, `${JSON.stringify(content, undefined, 2)}\n`, { mode: 0o600 });
    return { ...lab, databaseUrl, stop: stopOnce };
  } catch (error) {
    await stopOnce();
    signal.throwIfAborted();
    throw error;
  } finally {
    signal.removeEventListener("abort", giveUp);
  }
}

/** Starts processes side by side, and settles only when none is half started. */
async function startAll(processes: readonly LabProcess[]): Promise<void> {
  const results = await Promise.allSettled(processes.map((each) => each.start()));
  const failures = results.flatMap((result): unknown[] =>
    result.status === "rejected" ? [result.reason] : [],
  );
  if (failures.length === 1) throw failures[0];
  if (failures.length > 1) throw new AggregateError(failures, "the lab could not be started");
}

/** Decides names, ports and secrets, clears the way, and makes the processes without starting them. */
async function layOut({ dataFolder, nodes: nodeCount, settings, program, log }: LocalLabOptions) {
  const nodeNames = Array.from({ length: nodeCount }, (_, index) => `node-${index + 1}`);
  const graderName = "grader-1";
  await endLeftoverRoles(dataFolder);

  const binary = await findNatsServer({ dataFolder, environment: process.env });
  if (binary === undefined) {
    throw new EmbeddedServerError("nats-server", "not found; sweep doctor says how to get it", {});
  }
  const users = labUsers({ nodes: nodeNames, graders: [graderName], password: secret });
  const postgres = embeddedServer("postgres", log, (start) =>
    startPostgres({ folder: join(dataFolder, "postgres"), log, ...start }),
  );
  const nats = embeddedServer("nats", log, (start) =>
    startNats({ binary, folder: join(dataFolder, "nats"), users, log, ...start }),
  );

  const address = `${loopback}:${await keptPort(join(dataFolder, "coordinator.port"))}`;
  const labToken = secret();
  const launch = {
    dataFolder,
    program: program ?? [process.execPath, join(packageRoot, "dist", "coordinator", "cli.js")],
  } as const;
  const roleProcess = (options: {
    readonly role: RoleProcess["role"];
    readonly name: string;
    readonly user: string;
    readonly own: () => RoleProcess["settings"];
  }): LabProcess => {
    const { role, name, user, own } = options;
    const startOnce = (signal: AbortSignal) =>
      startRole(
        {
          role,
          name,
          graceMs: graceMs[role],
          settings: {
            natsUrl: nats.url(),
            natsUser: user,
            natsPassword: users.find((each) => each.user === user)?.password,
            data: join(dataFolder, name),
            ...own(),
            ...settings[role],
          },
        },
        { ...launch, environment: environmentOf(role), signal },
      );
    return new LabProcess({ name, startOnce, log });
  };

  const coordinator = roleProcess({
    role: "coordinator",
    name: "coordinator",
    user: coordinatorUser,
    own: () => ({ databaseUrl: postgres.url(), listen: address, labToken }),
  });
  const grader = roleProcess({
    role: "grader",
    name: graderName,
    user: graderUser(graderName),
    own: () => ({ graderName }),
  });
  const nodes = nodeNames.map((nodeName) =>
    roleProcess({
      role: "node",
      name: nodeName,
      user: nodeUser(nodeName),
      own: () => ({ nodeName, coordinator: address, labToken }),
    }),
  );
  return {
    lab: {
      address,
      labToken,
      databaseUrl: postgres.url,
      postgres: postgres.process,
      nats: nats.process,
      coordinator,
      grader,
      nodes,
    },
    groups: [[postgres.process, nats.process], [coordinator], [grader, ...nodes]],
  };
}

/** A server as a process of the lab: every start after the first insists on the first one's port, since clients know it. */
function embeddedServer(
  name: string,
  log: Logger,
  startServer: (start: {
    readonly port?: number;
    readonly signal: AbortSignal;
  }) => Promise<EmbeddedServer>,
): { readonly process: LabProcess; readonly url: () => string } {
  let first: EmbeddedServer | undefined;
  const startOnce = async (signal: AbortSignal): Promise<EmbeddedServer> => {
    const server = await startServer({ signal, ...(first && { port: first.port }) });
    first ??= server;
    return server;
  };
  const url = (): string => {
    if (first === undefined) throw new Error(`${name} has not been started`);
    return first.url;
  };
  return { process: new LabProcess({ name, startOnce, log }), url };
}

function secret(): string {
  return randomBytes(24).toString("base64url");
}

function environmentOf(role: RoleProcess["role"]): Record<string, string> {
  const keys = (process.env[vendorKeys] ?? "").split(",").map((name) => name.trim());
  const names = role === "node" ? [...passedOn, vendorKeys, ...keys] : passedOn;
  return Object.fromEntries(
    names.flatMap((name) => {
      const value = process.env[name];
      return value === undefined ? [] : [[name, value]];
    }),
  );
}
