import type { MessageInitShape } from "@bufbuild/protobuf";
import { fromBinary } from "@bufbuild/protobuf";
import type { NatsConnection } from "nats";
import { pino } from "pino";
import {
  type AttemptResult,
  AttemptResultSchema,
  type TraceChunk,
  TraceChunkSchema,
} from "../../proto/gen/sweep/v1/event_pb.ts";
import {
  type Hello,
  NodeService,
  type SessionRequest,
  type SessionResponseSchema,
} from "../../proto/gen/sweep/v1/node_pb.ts";
import { MessageQueue } from "../../proto/rpc/message-queue.ts";
import { RpcError } from "../../proto/rpc/rpc-error.ts";
import { implement, type RpcServer, startRpcServer } from "../../proto/rpc/server.ts";
import { eventStream, ingestConsumer } from "../../proto/subjects.ts";

type Response = NonNullable<MessageInitShape<typeof SessionResponseSchema>["message"]>;
type Request = SessionRequest["message"];

/** Token that the double accepts. */
export const doubleToken = "a lab's secret";

/**
 * A double of the coordinator: speaks the real session protocol over real gRPC, but holds no ledger.
 * It confirms whatever a node claims, or loses it, or stays silent, as the test says, and remembers
 * all that nodes told it.
 */
export class CoordinatorDouble {
  /** How claims are answered: confirmed, refused, or not at all. */
  claims: "confirmed" | "lost" | "unanswered" = "confirmed";
  /** Ends the next sessions with this status instead of a Welcome. */
  refusal: RpcError | null = null;
  readonly hellos: Hello[] = [];
  readonly received: Request[] = [];
  private readonly leaseTtlMs: number;
  private readonly heartbeatIntervalMs: number;
  private session: MessageQueue<MessageInitShape<typeof SessionResponseSchema>> | null = null;
  private server: RpcServer | null = null;
  private listen = "127.0.0.1:0";

  constructor(options: { leaseTtlMs?: number; heartbeatIntervalMs?: number } = {}) {
    this.leaseTtlMs = options.leaseTtlMs ?? 10_000;
    this.heartbeatIntervalMs = options.heartbeatIntervalMs ?? 100;
  }

  /** Listens, after a stop at the same address as before. */
  async start(): Promise<void> {
    this.server = await startRpcServer({
      listen: this.listen,
      labToken: doubleToken,
      services: [implement(NodeService, { session: (requests) => this.serve(requests) })],
      refusalOf: () => undefined,
      log: pino({ level: "silent" }),
    });
    this.listen = this.server.address;
  }

  /** Stops listening and ends the session. */
  async stop(): Promise<void> {
    this.session?.end();
    await this.server?.close(0);
    this.server = null;
  }

  /** `host:port`. */
  get address(): string {
    return this.listen;
  }

  /** Whether a node is connected. */
  get hasNode(): boolean {
    return this.session !== null;
  }

  /** Sends a message to the connected node. */
  send(message: Response): void {
    if (this.session?.push({ message }) !== true) throw new Error("no node is connected");
  }

  /** Messages of one kind that nodes have sent so far. */
  all<Case extends NonNullable<Request["case"]>>(kind: Case): Extract<Request, { case: Case }>[] {
    return this.received.filter(
      (message): message is Extract<Request, { case: Case }> => message.case === kind,
    );
  }

  private async *serve(
    requests: AsyncIterable<SessionRequest>,
  ): AsyncGenerator<MessageInitShape<typeof SessionResponseSchema>> {
    if (this.refusal !== null) throw this.refusal;
    const outgoing = new MessageQueue<MessageInitShape<typeof SessionResponseSchema>>(1_000);
    void this.read(requests, outgoing);
    yield* outgoing;
  }

  private async read(
    requests: AsyncIterable<SessionRequest>,
    outgoing: MessageQueue<MessageInitShape<typeof SessionResponseSchema>>,
  ): Promise<void> {
    try {
      for await (const { message } of requests) {
        this.received.push(message);
        if (message.case === "hello") {
          this.hellos.push(message.value);
          this.session = outgoing;
          const { leaseTtlMs, heartbeatIntervalMs } = this;
          const value = { programVersion: "double", leaseTtlMs, heartbeatIntervalMs };
          outgoing.push({ message: { case: "welcome", value } });
        }
        if (message.case === "heartbeat" && this.claims !== "unanswered") {
          const { sequence, claims } = message.value;
          const renewed = this.claims === "confirmed";
          const verdicts = claims.map(({ attemptId, epoch }) => ({
            attemptId,
            epoch,
            renewed,
            reason: renewed ? "" : "granted to another node",
          }));
          outgoing.push({ message: { case: "heartbeatReply", value: { sequence, verdicts } } });
        }
      }
    } catch (error) {
      if (!(error instanceof RpcError)) throw error;
    } finally {
      outgoing.end();
      if (this.session === outgoing) this.session = null;
    }
  }
}

/** What nodes published, as an ingest without a database would have read it. */
export interface Ingested {
  readonly chunks: TraceChunk[];
  readonly results: AttemptResult[];
  /** Ids in the order in which they came, repeats included. */
  readonly entryIds: string[];
  /** Stops reading; what comes later waits in the stream. */
  readonly stop: () => Promise<void>;
}

/**
 * Reads the event stream as the coordinator does, until stopped. Reports each entry
 * committed to the node that the double is connected with, unless `silent`.
 */
export async function ingestInto(
  connection: NatsConnection,
  double: CoordinatorDouble | "silent",
): Promise<Ingested> {
  const consumer = await connection.jetstream().consumers.get(eventStream, ingestConsumer);
  const messages = await consumer.consume();
  const ingested: Ingested = {
    chunks: [],
    results: [],
    entryIds: [],
    stop: async () => {
      await messages.close();
    },
  };
  void (async () => {
    for await (const message of messages) {
      if (message.subject.endsWith(".result")) {
        ingested.results.push(fromBinary(AttemptResultSchema, message.data));
      } else ingested.chunks.push(fromBinary(TraceChunkSchema, message.data));
      const entryId = message.headers?.get("Nats-Msg-Id") ?? "";
      ingested.entryIds.push(entryId);
      message.ack();
      if (double !== "silent" && double.hasNode) {
        double.send({ case: "outboxCommitted", value: { entryIds: [entryId] } });
      }
    }
  })();
  return ingested;
}
