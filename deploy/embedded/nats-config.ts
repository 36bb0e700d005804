import {
  coordinatorPermissions,
  coordinatorUser,
  graderPermissions,
  graderUser,
  type NatsPermissions,
  nodePermissions,
  nodeUser,
} from "../../proto/nats/permissions.ts";
import type { NatsServerBinary } from "./nats-server-binary.ts";

/** A user of a NATS server. */
export interface NatsUser {
  readonly user: string;
  readonly password: string;
  readonly permissions: NatsPermissions;
}

/**
 * The users of a lab: its coordinator, nodes and graders, each with the permissions it needs and no
 * more.
 *
 * @param lab.password called once for each user
 */
export function labUsers(lab: {
  readonly nodes: readonly string[];
  readonly graders: readonly string[];
  readonly password: () => string;
}): NatsUser[] {
  const { nodes, graders, password } = lab;
  return [
    { user: coordinatorUser, password: password(), permissions: coordinatorPermissions() },
    ...nodes.map((name) => ({
      user: nodeUser(name),
      password: password(),
      permissions: nodePermissions(name),
    })),
    ...graders.map((name) => ({
      user: graderUser(name),
      password: password(),
      permissions: graderPermissions(name),
    })),
  ];
}

/**
 * Files that may be written before the server refuses new streams. Nothing is set aside; without it
 * the server allows three quarters of the free disk, and a full disk would refuse to start a lab.
 */
const largestStoreBytes = 64 * 1024 ** 3;

/**
 * Configuration of an embedded nats-server. JSON is a form of the server's own language, and quotes
 * what the server would otherwise take for a variable. A key that a version does not know would stop
 * it, so the text depends on the version.
 */
export function natsConfig(options: {
  readonly host: string;
  readonly port: number;
  readonly storeFolder: string;
  readonly pidFile: string;
  readonly version: NatsServerBinary["version"];
  readonly users: readonly NatsUser[];
}): string {
  const { host, port, storeFolder, pidFile, version, users } = options;
  const knowsSyncInterval = version.major > 2 || version.minor >= 10;
  const config = {
    listen: `${host}:${port}`,
    pid_file: pidFile,
    max_payload: 1024 * 1024,
    jetstream: {
      store_dir: storeFolder,
      max_file_store: largestStoreBytes,
      // Else an acknowledged message is on disk only minutes later, and a power cut loses it.
      ...(knowsSyncInterval ? { sync_interval: "always" } : {}),
    },
    authorization: { users: users.map(natsUserEntry) },
  };
  return `${JSON.stringify(config, undefined, 2)}\n`;
}

/** A user as it stands in the server's configuration. What is not allowed is denied. */
export function natsUserEntry({ user, password, permissions }: NatsUser): object {
  return {
    user,
    password,
    permissions: {
      publish: { allow: permissions.publish },
      subscribe: { allow: permissions.subscribe },
    },
  };
}
