/**
 * Protobuf-es services on grpc-js: what a service's handlers and its client look like in types, and
 * what grpc-js needs to know of a method. Client streaming without responses is left out: no call
 * of this project has that shape, so such a method's handler is of type `never`.
 */
import {
  create,
  type DescMessage,
  type DescMethod,
  type DescService,
  fromBinary,
  type Message,
  type MessageInitShape,
  type MessageShape,
  toBinary,
} from "@bufbuild/protobuf";
import type { MethodDefinition } from "@grpc/grpc-js";

/** A call as its handler on the server sees it. */
export interface ServerCall {
  /**
   * Aborted when nobody waits for the answer any more: the caller cancelled or is gone, its deadline
   * has passed, or the server stops (streaming calls only; unary calls are left to finish).
   */
  readonly signal: AbortSignal;
  /** Address of the caller, for the log. */
  readonly peer: string;
}

/** Options of a unary call. */
export interface UnaryCallOptions {
  /** Cancels the call, which then throws the signal's reason. */
  signal?: AbortSignal;
  /** The call fails with DEADLINE_EXCEEDED after this long; `defaultDeadlineMs` unless given. */
  deadlineMs?: number;
}

/** Options of a streaming call. It has no deadline; keepalive finds out when the other side is gone. */
export interface StreamCallOptions {
  /** Cancels the call, whose iteration then throws the signal's reason. */
  signal?: AbortSignal;
}

/**
 * The handlers of a service: `async getRun(request, call)`, `async *watchSweep(request, call)`,
 * `async *session(requests, call)`. They answer with plain objects in the shape of the message.
 */
export type ServiceHandlers<Service extends DescService> = {
  [Name in keyof Service["method"]]: Handler<Service["method"][Name]>;
};

type Handler<Method> = Method extends {
  methodKind: infer Kind;
  input: infer Input extends DescMessage;
  output: infer Output extends DescMessage;
}
  ? Kind extends "unary"
    ? (request: MessageShape<Input>, call: ServerCall) => Promise<MessageInitShape<Output>>
    : Kind extends "server_streaming"
      ? (request: MessageShape<Input>, call: ServerCall) => AsyncIterable<MessageInitShape<Output>>
      : Kind extends "bidi_streaming"
        ? (
            requests: AsyncIterable<MessageShape<Input>>,
            call: ServerCall,
          ) => AsyncIterable<MessageInitShape<Output>>
        : never
  : never;

/**
 * A service as its caller sees it. A streaming call begins when its iteration does, and leaving the
 * iteration early cancels it.
 */
export type ServiceClient<Service extends DescService> = {
  [Name in keyof Service["method"]]: ClientMethod<Service["method"][Name]>;
};

type ClientMethod<Method> = Method extends {
  methodKind: infer Kind;
  input: infer Input extends DescMessage;
  output: infer Output extends DescMessage;
}
  ? Kind extends "unary"
    ? (
        request: MessageInitShape<Input>,
        options?: UnaryCallOptions,
      ) => Promise<MessageShape<Output>>
    : Kind extends "server_streaming"
      ? (
          request: MessageInitShape<Input>,
          options?: StreamCallOptions,
        ) => AsyncGenerator<MessageShape<Output>, void, undefined>
      : Kind extends "bidi_streaming"
        ? (
            requests: AsyncIterable<MessageInitShape<Input>>,
            options?: StreamCallOptions,
          ) => AsyncGenerator<MessageShape<Output>, void, undefined>
        : never
  : never;

/** Fields of a message whose type is known only at run time. */
export type AnyInit = Record<string, unknown>;

/** What grpc-js needs to know of a method. It encodes from, and decodes to, protobuf-es messages. */
export function methodDefinition(method: DescMethod): MethodDefinition<Message, Message> {
  return {
    path: `/${method.parent.typeName}/${method.name}`,
    requestStream: method.methodKind === "bidi_streaming",
    responseStream: method.methodKind !== "unary",
    requestSerialize: (message) => encode(method.input, message),
    requestDeserialize: (bytes) => fromBinary(method.input, bytes),
    responseSerialize: (message) => encode(method.output, message),
    responseDeserialize: (bytes) => fromBinary(method.output, bytes),
  };
}

/** Completes each of `inits` to a message of the given schema. */
export async function* createEach(
  schema: DescMessage,
  inits: AsyncIterable<AnyInit>,
): AsyncGenerator<Message, void, undefined> {
  for await (const init of inits) yield create(schema, init);
}

function encode(schema: DescMessage, message: Message): Buffer {
  const bytes = toBinary(schema, message);
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}
