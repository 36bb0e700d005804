import { create, type DescMethod, type DescService, type Message } from "@bufbuild/protobuf";
import {
  Client,
  type ClientReadableStream,
  credentials,
  Metadata,
  type MethodDefinition,
} from "@grpc/grpc-js";
import { authorization, defaultDeadlineMs, keepalive, maxResponseBytes } from "./connection.ts";
import {
  type AnyInit,
  createEach,
  methodDefinition,
  type ServiceClient,
  type StreamCallOptions,
  type UnaryCallOptions,
} from "./methods.ts";
import { RpcError, rpcErrorFromService } from "./rpc-error.ts";
import { pump } from "./streaming.ts";

/** A connection to a server, shared by the clients of its services. Made by {@link openChannel}. */
export interface RpcChannel {
  readonly grpc: Client;
  readonly metadata: Metadata;
  /** Ends the connection and every call on it. */
  close(): void;
}

/**
 * Prepares a connection, made when a call first needs one and made again when it breaks. Calls on a
 * broken connection fail with UNAVAILABLE at once; repeating them is the caller's decision.
 *
 * @param options.address `host:port` of the server
 * @param options.labToken the lab's shared secret
 */
export function openChannel(options: { address: string; labToken: string }): RpcChannel {
  const metadata = new Metadata();
  metadata.set("authorization", authorization(options.labToken));
  const grpc = new Client(options.address, credentials.createInsecure(), {
    ...keepalive,
    "grpc.max_receive_message_length": maxResponseBytes,
    // Repeating a call is the caller's decision. The retry layer would also acknowledge writes as
    // soon as they fit its buffer, a megabyte a call, so that a slow server would not be felt.
    "grpc.enable_retries": 0,
    "grpc.per_rpc_retry_buffer_size": 0,
    // A lab's coordinator is on the lab's own network; a proxy of the environment leads away from it.
    "grpc.enable_http_proxy": 0,
    // Closing the channel closes its connection; the default bounds (1 s to 2 min) outlast a lease.
    "grpc.use_local_subchannel_pool": 1,
    "grpc.initial_reconnect_backoff_ms": 200,
    "grpc.max_reconnect_backoff_ms": 2_000,
  });
  return { grpc, metadata, close: () => grpc.close() };
}

type AnyMethod =
  | ((request: AnyInit, options?: UnaryCallOptions) => Promise<Message>)
  | ((request: AnyInit, options?: StreamCallOptions) => AsyncIterable<Message>)
  | ((requests: AsyncIterable<AnyInit>, options?: StreamCallOptions) => AsyncIterable<Message>);

/** The calls of `service` over `channel`. */
export function clientOf<Service extends DescService>(
  service: Service,
  channel: RpcChannel,
): ServiceClient<Service>;
// Behind the typed signature the messages' types are erased: the descriptor carries them at run time.
export function clientOf(service: DescService, channel: RpcChannel): Record<string, AnyMethod> {
  return Object.fromEntries(
    service.methods.map((method) => [method.localName, callerOf(method, channel)]),
  );
}

function callerOf(method: DescMethod, channel: RpcChannel): AnyMethod {
  const definition = methodDefinition(method);
  switch (method.methodKind) {
    case "unary":
      return (request: AnyInit, options: UnaryCallOptions = {}) =>
        callUnary(channel, definition, create(method.input, request), options);
    case "server_streaming":
      return (request: AnyInit, options: StreamCallOptions = {}) =>
        callServerStreaming(channel, definition, create(method.input, request), options);
    case "bidi_streaming":
      return (requests: AsyncIterable<AnyInit>, options: StreamCallOptions = {}) =>
        callBidirectional(channel, definition, createEach(method.input, requests), options);
    case "client_streaming":
      break;
  }
  throw new Error(`${definition.path}: client streaming is not supported`);
}

type Definition = MethodDefinition<Message, Message>;

async function callUnary(
  channel: RpcChannel,
  { path, requestSerialize, responseDeserialize }: Definition,
  request: Message,
  { signal, deadlineMs = defaultDeadlineMs }: UnaryCallOptions,
): Promise<Message> {
  signal?.throwIfAborted();
  return await new Promise<Message>((resolve, reject) => {
    const cancel = () => call.cancel();
    const call = channel.grpc.makeUnaryRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      channel.metadata,
      { deadline: Date.now() + deadlineMs },
      (error, response) => {
        signal?.removeEventListener("abort", cancel);
        if (response !== undefined) resolve(response);
        else if (signal?.aborted) reject(signal.reason);
        else if (error !== null) reject(rpcErrorFromService(error));
        else reject(new RpcError("INTERNAL", `${path} ended without a response`));
      },
    );
    signal?.addEventListener("abort", cancel, { once: true });
  });
}

async function* callServerStreaming(
  channel: RpcChannel,
  { path, requestSerialize, responseDeserialize }: Definition,
  request: Message,
  { signal }: StreamCallOptions,
): AsyncGenerator<Message, void, undefined> {
  signal?.throwIfAborted();
  const call = channel.grpc.makeServerStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    request,
    channel.metadata,
  );
  yield* responsesOf(call, signal);
}

async function* callBidirectional(
  channel: RpcChannel,
  { path, requestSerialize, responseDeserialize }: Definition,
  requests: AsyncIterable<Message>,
  { signal }: StreamCallOptions,
): AsyncGenerator<Message, void, undefined> {
  signal?.throwIfAborted();
  const call = channel.grpc.makeBidiStreamRequest(
    path,
    requestSerialize,
    responseDeserialize,
    channel.metadata,
  );
  const over = new AbortController();
  const failure = new AbortController();
  // Not awaited at the end: a source that waits for something else would hold up the caller, who
  // is done with the call. Once the call is over, what the source throws while it returns is moot.
  void pump(requests, call, over.signal).then(
    () => call.end(),
    (error: unknown) => failure.abort(error),
  );
  try {
    yield* responsesOf(
      call,
      signal === undefined ? failure.signal : AbortSignal.any([signal, failure.signal]),
    );
  } finally {
    over.abort();
  }
}

/** The responses of a streaming call, which is cancelled when the iteration is left. */
async function* responsesOf(
  call: ClientReadableStream<Message>,
  signal: AbortSignal | undefined,
): AsyncGenerator<Message, void, undefined> {
  const cancel = () => call.cancel();
  signal?.addEventListener("abort", cancel, { once: true });
  // A failure reaches the reader through its iterator; one that comes after the reader has left is
  // the answer to our own cancellation, and without a listener would end the process.
  let failure: RpcError | undefined;
  call.on("error", (error) => {
    failure = rpcErrorFromService(error);
  });
  try {
    for await (const response of call) yield response;
  } catch (error) {
    signal?.throwIfAborted();
    throw failure ?? error;
  } finally {
    signal?.removeEventListener("abort", cancel);
    call.cancel();
  }
}
