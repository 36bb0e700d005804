import { connect, ErrorCode, Events, type NatsConnection, NatsError, type ServerInfo } from "nats";
import type { Logger } from "../log.ts";
import { inboxPrefix, maxMessageBytes } from "../subjects.ts";

export type { NatsConnection } from "nats";

/** Why a NATS server cannot be used. */
export type NatsFault =
  | "unreachable"
  | "credentials"
  | "server-too-old"
  | "payload-limit"
  | "jetstream-off";

/** The NATS server cannot be used as it is. The message says what to change. */
export class NatsConnectionError extends Error {
  readonly fault: NatsFault;

  constructor(fault: NatsFault, message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "NatsConnectionError";
    this.fault = fault;
  }
}

/** Time for the TCP connection and handshake, and for each question of the first check. */
const answerLimitMs = 5_000;
/**
 * A silent partition is noticed when two pings go unanswered: after 2 to 3 seconds, where the
 * client's own defaults take minutes.
 */
const pingIntervalMs = 1_000;
const unansweredPings = 2;
/** Wait between attempts to reconnect, plus up to as much again at random, so that a lab of nodes spreads out. */
const reconnectWaitMs = 500;

/**
 * Connects as `user`, whose name is also the client's name and the prefix of its inboxes, and checks
 * that the server can carry a sweep. Once connected, the connection is kept up for ever: only closing
 * it ends the attempts to reconnect, and each loss and return is logged.
 *
 * @throws NatsConnectionError when the first connection or the check fails.
 */
export async function connectNats(options: {
  /** Such as `nats://127.0.0.1:4222`. */
  readonly url: string;
  readonly user: string;
  readonly password: string;
  readonly log: Logger;
}): Promise<NatsConnection> {
  const { url, user, password, log } = options;
  let connection: NatsConnection;
  try {
    connection = await connect({
      servers: url,
      name: user,
      user,
      pass: password,
      inboxPrefix: inboxPrefix(user),
      timeout: answerLimitMs,
      pingInterval: pingIntervalMs,
      maxPingOut: unansweredPings,
      maxReconnectAttempts: -1,
      reconnectTimeWait: reconnectWaitMs,
      reconnectJitter: reconnectWaitMs,
      // A server that restarts may refuse everyone until its configuration is read again.
      ignoreAuthErrorAbort: true,
    });
  } catch (cause) {
    throw connectFailure({ url, user, cause });
  }
  try {
    await checkServer({ connection, url, log });
  } catch (error) {
    await connection.close();
    throw error;
  }
  void logStatus(connection, log);
  return connection;
}

/** Codes of the client that mean: the server was reached and does not accept this user. */
const credentialCodes: ReadonlySet<string> = new Set([
  ErrorCode.AuthorizationViolation,
  ErrorCode.AuthenticationExpired,
  ErrorCode.AuthenticationTimeout,
  ErrorCode.AccountExpired,
  ErrorCode.BadAuthentication,
]);

function connectFailure(context: {
  readonly url: string;
  readonly user: string;
  readonly cause: unknown;
}): NatsConnectionError {
  const { url, user, cause } = context;
  if (cause instanceof NatsError && credentialCodes.has(cause.code)) {
    return new NatsConnectionError(
      "credentials",
      `the NATS server at ${url} does not accept user "${user}" with the password given; ` +
        "check SWEEP_NATS_USER and SWEEP_NATS_PASSWORD against the server's list of users",
      { cause },
    );
  }
  return new NatsConnectionError(
    "unreachable",
    `no NATS server answers at ${url}; check that it runs and that SWEEP_NATS_URL is its address`,
    { cause },
  );
}

async function checkServer(context: {
  readonly connection: NatsConnection;
  readonly url: string;
  readonly log: Logger;
}): Promise<void> {
  const { connection, url, log } = context;
  const { info } = connection;
  if (info === undefined) {
    throw new NatsConnectionError("unreachable", `the NATS server at ${url} closed the connection`);
  }
  const verdict = judgeServer(info);
  switch (verdict.kind) {
    case "refused":
      throw new NatsConnectionError(verdict.fault, `the NATS server at ${url} ${verdict.reason}`);
    case "warning":
      log.warn({ url, serverVersion: info.version }, verdict.reason);
      break;
    case "accepted":
      break;
  }
  try {
    await connection.jetstreamManager({ timeout: answerLimitMs });
  } catch (cause) {
    throw new NatsConnectionError(
      "jetstream-off",
      `the NATS server at ${url} does not offer JetStream to this user; ` +
        "add a jetstream block with a store_dir to its configuration",
      { cause },
    );
  }
}

/** What {@link judgeServer} makes of a server. */
export type ServerVerdict =
  | { readonly kind: "accepted" }
  | { readonly kind: "warning"; readonly reason: string }
  | { readonly kind: "refused"; readonly fault: NatsFault; readonly reason: string };

/** Judges a server by what it says of itself. 2.9 lacks `sync_interval`, anything older also features used here. */
export function judgeServer(info: Pick<ServerInfo, "version" | "max_payload">): ServerVerdict {
  const [major = 0, minor = 0] = info.version.split(".").map(Number);
  if (!(major > 2 || (major === 2 && minor >= 9))) {
    return {
      kind: "refused",
      fault: "server-too-old",
      reason: `is version ${info.version}; accepted are 2.9 and later`,
    };
  }
  if (info.max_payload < maxMessageBytes) {
    return {
      kind: "refused",
      fault: "payload-limit",
      reason: `takes messages of at most ${info.max_payload} bytes; set max_payload to ${maxMessageBytes} or more`,
    };
  }
  if (major === 2 && minor === 9) {
    return {
      kind: "warning",
      reason:
        "NATS server 2.9 writes to disk every two minutes: a power cut can lose what it acknowledged, " +
        "and nodes send it again; 2.10 and later can be set to sync_interval: always",
    };
  }
  return { kind: "accepted" };
}

async function logStatus(connection: NatsConnection, log: Logger): Promise<void> {
  for await (const status of connection.status()) {
    if (status.type === Events.Disconnect) log.warn({ server: status.data }, "lost NATS");
    else if (status.type === Events.Reconnect) log.info({ server: status.data }, "NATS is back");
    else if (status.type === Events.Error) {
      log.error({ code: status.data, denied: status.permissionContext }, "NATS refused");
    }
  }
}
