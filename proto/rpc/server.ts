import { strict as assert } from "node:assert";
import { createHash, timingSafeEqual } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { promisify } from "node:util";
import type { DescService } from "@bufbuild/protobuf";
import { logVerbosity, Server, ServerCredentials, setLogVerbosity } from "@grpc/grpc-js";
import type { Logger } from "../log.ts";
import { authorization, keepalive, maxRequestBytes } from "./connection.ts";
import { type AnyHandler, handleCallsOf, type OpenCall } from "./handling.ts";
import { methodDefinition, type ServiceHandlers } from "./methods.ts";
import { RpcError } from "./rpc-error.ts";

/** A service with its handlers, made by {@link implement}. */
export interface Implementation {
  readonly service: DescService;
  readonly handlers: Record<string, AnyHandler>;
}

/** Pairs a generated service with its handlers; a missing or ill-typed one does not compile. */
export function implement<Service extends DescService>(
  service: Service,
  handlers: ServiceHandlers<Service>,
): Implementation;
// Behind the typed signature the messages' types are erased: the descriptor carries them at run time.
export function implement(
  service: DescService,
  handlers: Record<string, AnyHandler>,
): Implementation {
  return { service, handlers };
}

/** The server cannot listen where it was told to: the port is taken or the address is not ours. */
export class ListenError extends Error {
  override readonly name = "ListenError";

  constructor(address: string, options: { cause: Error }) {
    super(
      `cannot listen on ${address}: ${options.cause.message}; ` +
        "stop the program that uses this port, or name another address (port 0 takes a free one)",
      options,
    );
  }
}

/** A running server. */
export interface RpcServer {
  /** `host:port` with the port that is really listened on. */
  readonly address: string;
  /**
   * Stops in order: streaming calls end with UNAVAILABLE at once and their handlers' signals abort,
   * unary calls may finish; what is still open after `graceMs` milliseconds is cut off.
   */
  close(graceMs: number): Promise<void>;
}

/**
 * Listens for calls.
 *
 * @param options.listen `host:port`; port 0 takes a free one
 * @param options.labToken what callers must know; others are answered UNAUTHENTICATED
 * @param options.refusalOf the answer to an error that handlers throw on purpose; undefined for a
 *   fault, which callers see as INTERNAL without its detail
 * @throws ListenError
 */
export async function startRpcServer(options: {
  listen: string;
  labToken: string;
  services: readonly Implementation[];
  refusalOf: (error: unknown) => RpcError | undefined;
  log: Logger;
}): Promise<RpcServer> {
  const { listen, labToken, services, refusalOf, log } = options;
  // grpc-js prints errors to the console in a format of its own; each also reaches us as an error.
  setLogVerbosity(logVerbosity.NONE);
  const grpc = new Server({ ...keepalive, "grpc.max_receive_message_length": maxRequestBytes });
  const openCalls = new Set<OpenCall>();
  const stopping = new RpcError("UNAVAILABLE", "the server is shutting down");
  let isStopping = false;

  function admit(given: string | undefined): void {
    if (isStopping) throw stopping;
    if (!isSameSecret(given ?? "", authorization(labToken))) {
      throw new RpcError("UNAUTHENTICATED", "the lab token is missing or wrong");
    }
  }

  for (const { service, handlers } of services) {
    for (const method of service.methods) {
      const handler = handlers[method.localName];
      assert(handler !== undefined, `${service.typeName}.${method.localName} has no handler`);
      const definition = methodDefinition(method);
      grpc.addService(
        { [method.localName]: definition },
        {
          [method.localName]: handleCallsOf(method, handler, { admit, refusalOf, openCalls, log }),
        },
      );
    }
  }

  const port = await promisify(grpc.bindAsync.bind(grpc))(
    listen,
    ServerCredentials.createInsecure(),
  ).catch((cause: Error) => {
    throw new ListenError(listen, { cause });
  });

  return {
    address: `${listen.slice(0, listen.lastIndexOf(":"))}:${port}`,
    async close(graceMs) {
      isStopping = true;
      const shutdown = promisify(grpc.tryShutdown.bind(grpc))();
      for (const call of openCalls) call.stop(stopping);
      const finished = Promise.all([shutdown, ...Array.from(openCalls, (call) => call.finished)]);
      const done = new AbortController();
      const overdue = delay(graceMs, true, { signal: done.signal }).catch(() => false);
      if (await Promise.race([overdue, finished.then(() => false)])) {
        log.warn({ openCalls: openCalls.size }, "calls were cut off at shutdown");
      }
      done.abort();
      grpc.forceShutdown();
    },
  };
}

/** Compares in a time that tells nothing about how much of the secret was right. */
function isSameSecret(given: string, expected: string): boolean {
  return timingSafeEqual(sha256(given), sha256(expected));
}

function sha256(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
