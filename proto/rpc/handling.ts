import { strict as assert } from "node:assert";
import type { EventEmitter } from "node:events";
import { create, type DescMethod, type Message } from "@bufbuild/protobuf";
import type {
  ServerDuplexStream,
  ServerUnaryCall,
  ServerWritableStream,
  sendUnaryData,
  UntypedHandleCall,
} from "@grpc/grpc-js";
import type { Logger } from "../log.ts";
import { type AnyInit, createEach, methodDefinition, type ServerCall } from "./methods.ts";
import { RpcError, statusFromRpcError } from "./rpc-error.ts";
import { pump, readEach } from "./streaming.ts";

/** A handler whose messages' types are known only at run time. */
export type AnyHandler = (
  input: Message | AsyncIterable<Message>,
  call: ServerCall,
) => Promise<AnyInit> | AsyncIterable<AnyInit>;

/** A call from its first byte to the end of its handler's clean-up. */
export interface OpenCall {
  /** Ends a streaming call with `reason`; a unary call is left to finish. */
  stop(reason: RpcError): void;
  /** Settles, and never rejects, when the handler is done. */
  readonly finished: Promise<void>;
}

/** What the calls of one server share. */
export interface Handling {
  /** Throws an RpcError for a caller that may not call, or while the server stops. */
  readonly admit: (authorization: string | undefined) => void;
  /** The answer to an error that a handler throws on purpose; undefined for a fault. */
  readonly refusalOf: (error: unknown) => RpcError | undefined;
  readonly openCalls: Set<OpenCall>;
  readonly log: Logger;
}

type AnyServerCall =
  | ServerUnaryCall<Message, Message>
  | ServerWritableStream<Message, Message>
  | ServerDuplexStream<Message, Message>;

/** Runs `handler` for the calls of `method` that grpc-js receives. */
export function handleCallsOf(
  method: DescMethod,
  handler: AnyHandler,
  handling: Handling,
): UntypedHandleCall {
  const { path } = methodDefinition(method);
  switch (method.methodKind) {
    case "unary":
      return (call: ServerUnaryCall<Message, Message>, callback: sendUnaryData<Message>) => {
        const caller = callerOf(call);
        track(handling, { stop() {}, finished: answer() });

        async function answer(): Promise<void> {
          try {
            handling.admit(authorizationOf(call));
            const output = handler(call.request, caller);
            assert(!(Symbol.asyncIterator in output), `the handler of ${path} must be async`);
            callback(null, create(method.output, await output));
          } catch (error) {
            callback(statusFromRpcError(rpcErrorFor(error, path, caller, handling)));
          }
        }
      };
    case "server_streaming":
      return (call: ServerWritableStream<Message, Message>) =>
        handleStream({ method, path, handler, call, handling, inputFor: () => call.request });
    case "bidi_streaming":
      return (call: ServerDuplexStream<Message, Message>) =>
        handleStream({
          method,
          path,
          handler,
          call,
          handling,
          inputFor: (signal) => readEach<Message>(call, signal),
        });
    case "client_streaming":
      break;
  }
  throw new Error(`${path}: client streaming is not supported`);
}

function handleStream(options: {
  method: DescMethod;
  path: string;
  handler: AnyHandler;
  call: ServerWritableStream<Message, Message> | ServerDuplexStream<Message, Message>;
  handling: Handling;
  inputFor: (signal: AbortSignal) => Message | AsyncIterable<Message>;
}): void {
  const { method, path, handler, call, handling, inputFor } = options;
  const stopped = new AbortController();
  const caller = callerOf(call, stopped);
  // grpc-js takes an `error` event as the status to send after the responses already written.
  const events: EventEmitter = call;
  const endWith = (error: RpcError) => events.emit("error", statusFromRpcError(error));
  track(handling, {
    stop(reason) {
      stopped.abort(reason);
      endWith(reason);
    },
    finished: answer(),
  });

  async function answer(): Promise<void> {
    try {
      handling.admit(authorizationOf(call));
      const output = handler(inputFor(caller.signal), caller);
      assert(Symbol.asyncIterator in output, `the handler of ${path} must be an async generator`);
      await pump(createEach(method.output, output), call, caller.signal);
      call.end();
    } catch (error) {
      const answered = caller.signal.aborted;
      const reply = rpcErrorFor(error, path, caller, handling);
      if (!answered) endWith(reply);
    }
  }
}

function callerOf(
  call: EventEmitter & Pick<AnyServerCall, "getPeer">,
  gone = new AbortController(),
): ServerCall {
  call.once("cancelled", () => gone.abort(new RpcError("CANCELLED", "the caller has left")));
  return { signal: gone.signal, peer: call.getPeer() };
}

function authorizationOf(call: AnyServerCall): string | undefined {
  return call.metadata.get("authorization")[0]?.toString();
}

function track({ openCalls }: Handling, call: OpenCall): void {
  openCalls.add(call);
  void call.finished.then(() => openCalls.delete(call));
}

/**
 * The one place where an error of a handler becomes an answer: refusals keep their code and words;
 * anything else is INTERNAL, without detail outside and with all of it in the log.
 */
function rpcErrorFor(
  error: unknown,
  path: string,
  { signal, peer }: ServerCall,
  { refusalOf, log }: Handling,
): RpcError {
  const refusal = error instanceof RpcError ? error : refusalOf(error);
  if (refusal !== undefined) return refusal;
  const isItsOwnAbort = error instanceof Error && signal.aborted && error.cause === signal.reason;
  if (!isItsOwnAbort) log.error({ err: error, method: path, peer }, "call failed");
  return new RpcError("INTERNAL", "internal error; its cause is in the log of the server");
}
