import { pino } from "pino";
import { onTestFinished } from "vitest";
import { NodeService } from "../../proto/gen/sweep/v1/node_pb.ts";
import { OperatorService } from "../../proto/gen/sweep/v1/operator_pb.ts";
import { clientOf, openChannel, type RpcChannel } from "../../proto/rpc/client.ts";
import type { ServiceClient, ServiceHandlers } from "../../proto/rpc/methods.ts";
import { RpcError } from "../../proto/rpc/rpc-error.ts";
import { implement, type RpcServer, startRpcServer } from "../../proto/rpc/server.ts";
import { operatorHandlers } from "./operator-service.ts";

/** Handlers of the operator's calls. */
export type OperatorHandlers = ServiceHandlers<typeof OperatorService>;
/** Handler of a node's session. */
export type Session = ServiceHandlers<typeof NodeService>["session"];

/** A refusal of the domain, which the test servers answer with NOT_FOUND. */
export class UnknownSweep extends Error {}

/** Token of the test servers. */
export const labToken = "a lab's secret";

/** What servers have logged, the newest server's since it was started. */
export const logged: Record<string, unknown>[] = [];

/** A session that ends at once. */
export async function* noResponses(): AsyncGenerator<never> {
  yield* [];
}

/** A server on loopback with the given handlers, closed when the test ends. */
export async function aServer(
  operator: Partial<OperatorHandlers> = {},
  session: Session = noResponses,
  listen = "127.0.0.1:0",
): Promise<RpcServer> {
  logged.length = 0;
  const server = await startRpcServer({
    listen,
    labToken,
    services: [
      implement(OperatorService, operatorHandlers(operator)),
      implement(NodeService, { session }),
    ],
    refusalOf: (error) =>
      error instanceof UnknownSweep ? new RpcError("NOT_FOUND", error.message) : undefined,
    log: pino({}, { write: (line: string) => logged.push(JSON.parse(line)) }),
  });
  onTestFinished(() => server.close(0));
  return server;
}

/** A channel to a server, closed when the test ends. */
export function aChannel(server: { address: string }, token = labToken): RpcChannel {
  const channel = openChannel({ address: server.address, labToken: token });
  onTestFinished(() => channel.close());
  return channel;
}

/** A client of the operator's calls, on a channel of its own. */
export function operatorOf(server: { address: string }): ServiceClient<typeof OperatorService> {
  return clientOf(OperatorService, aChannel(server));
}

/** A client of the node's calls, on a channel of its own. */
export function nodeOf(server: { address: string }): ServiceClient<typeof NodeService> {
  return clientOf(NodeService, aChannel(server));
}

/** The error of a call that must fail. */
export async function failureOf(call: Promise<unknown>): Promise<RpcError> {
  const error = await call.then(
    () => undefined,
    (error: unknown) => error,
  );
  if (!(error instanceof RpcError)) throw new Error("the call did not fail", { cause: error });
  return error;
}

/** A promise that the test settles. */
export function deferred<Value>(): { promise: Promise<Value>; resolve: (value: Value) => void } {
  const settlers: ((value: Value) => void)[] = [];
  const promise = new Promise<Value>((settle) => settlers.push(settle));
  return { promise, resolve: (value) => settlers.forEach((settle) => settle(value)) };
}

/** A heartbeat as a node sends it. */
export function aHeartbeat(sequence: number) {
  return { message: { case: "heartbeat" as const, value: { sequence: BigInt(sequence) } } };
}

/** That many heartbeats, at once. */
export async function* heartbeats(count: number) {
  for (let sequence = 0; sequence < count; sequence += 1) yield aHeartbeat(sequence);
}

/** Waits until `read` gives the same number before and after many turns of the event loop. */
export async function untilSteady(read: () => number): Promise<void> {
  for (let before = -1; before !== read(); ) {
    before = read();
    for (let turn = 0; turn < 500; turn += 1) await new Promise(setImmediate);
  }
}
