import { setTimeout as delay } from "node:timers/promises";
import type { MessageInitShape } from "@bufbuild/protobuf";
import {
  type HelloSchema,
  NodeService,
  type SessionRequestSchema,
  type SessionResponse,
} from "../proto/gen/sweep/v1/node_pb.ts";
import type { Logger } from "../proto/log.ts";
import { clientOf, openChannel, type RpcChannel } from "../proto/rpc/client.ts";
import { MessageQueue } from "../proto/rpc/message-queue.ts";
import { type RpcCode, RpcError } from "../proto/rpc/rpc-error.ts";

/** The coordinator will not have this node as it is; trying again would not help. */
export class SessionRefusedError extends Error {
  constructor(address: string, remedy: string, cause: RpcError) {
    super(`the coordinator at ${address} refused this node (${cause.message}): ${remedy}`, {
      cause,
    });
    this.name = "SessionRefusedError";
  }
}

/**
 * Refusals that are final, with what to do about each. ALREADY_EXISTS is absent although it refuses
 * too: after a broken connection the coordinator may need a few seconds to notice that the node's own
 * earlier session is gone. UNAVAILABLE and CANCELLED are a coordinator that is away or is stopping.
 */
const remedies: Partial<Record<RpcCode, string>> = {
  FAILED_PRECONDITION: "run the same version of the program on both",
  UNAUTHENTICATED: "set SWEEP_LAB_TOKEN to the coordinator's lab token",
  PERMISSION_DENIED: "set SWEEP_LAB_TOKEN to the coordinator's lab token",
  INVALID_ARGUMENT: "correct the configuration of this node",
  UNIMPLEMENTED: "check that SWEEP_COORDINATOR is the address of a coordinator",
};

/** A message to the coordinator. */
export type SessionMessage = NonNullable<MessageInitShape<typeof SessionRequestSchema>["message"]>;

/** A message of the coordinator. */
export type CoordinatorMessage = SessionResponse["message"];

/** Messages that may wait for a coordinator that does not read; beyond that the session is given up. */
const maxWaiting = 256;
/** Longest pause between two tries to connect. */
const maxPauseMs = 10_000;

/**
 * The node's session with the coordinator: dialled by the node, and dialled again for as long as the
 * node lives, since laptops and coordinators come and go.
 */
export class Session {
  private readonly address: string;
  private readonly labToken: string;
  private readonly hello: () => Promise<MessageInitShape<typeof HelloSchema>>;
  private readonly receive: (message: CoordinatorMessage) => void;
  private readonly ended: () => void;
  private readonly random: () => number;
  private readonly log: Logger;
  private outgoing: MessageQueue<MessageInitShape<typeof SessionRequestSchema>> | null = null;
  private overflow = new AbortController();

  /**
   * `receive` gets every message of the coordinator, each session's Welcome first; `ended` is called
   * when a welcomed session is over. `random` answers numbers in [0, 1), for the jitter of retries.
   */
  constructor(options: {
    readonly address: string;
    readonly labToken: string;
    readonly hello: () => Promise<MessageInitShape<typeof HelloSchema>>;
    readonly receive: (message: CoordinatorMessage) => void;
    readonly ended: () => void;
    readonly random: () => number;
    readonly log: Logger;
  }) {
    this.address = options.address;
    this.labToken = options.labToken;
    this.hello = options.hello;
    this.receive = options.receive;
    this.ended = options.ended;
    this.random = options.random;
    this.log = options.log;
  }

  /** Sends a message; false, without effect, while there is no welcomed session. */
  send(message: SessionMessage): boolean {
    if (this.outgoing === null) return false;
    if (this.outgoing.push({ message })) return true;
    this.overflow.abort(new RpcError("UNAVAILABLE", "the coordinator has stopped reading"));
    return false;
  }

  /**
   * Keeps a session up until `signal` aborts, then returns.
   *
   * @throws SessionRefusedError on a final refusal.
   */
  async run(signal: AbortSignal): Promise<void> {
    const channel = openChannel({ address: this.address, labToken: this.labToken });
    try {
      for (let failures = 0; !signal.aborted; ) {
        const outcome = await this.hold(channel, signal);
        if (signal.aborted) return;
        failures = outcome.welcomed ? 1 : failures + 1;
        this.judge(outcome.error, failures);
        const ceilingMs = Math.min(maxPauseMs, 250 * 2 ** Math.min(failures, 10));
        await delay(this.random() * ceilingMs, undefined, { signal }).catch(() => undefined);
      }
    } finally {
      channel.close();
    }
  }

  /** One session from Hello to its end, and how it ended. */
  private async hold(
    channel: RpcChannel,
    signal: AbortSignal,
  ): Promise<{ readonly welcomed: boolean; readonly error: unknown }> {
    const outgoing = new MessageQueue<MessageInitShape<typeof SessionRequestSchema>>(maxWaiting);
    outgoing.push({ message: { case: "hello", value: await this.hello() } });
    this.overflow = new AbortController();
    let welcomed = false;
    try {
      const responses = clientOf(NodeService, channel).session(outgoing, {
        signal: AbortSignal.any([signal, this.overflow.signal]),
      });
      for await (const { message } of responses) {
        if (!welcomed && message.case === "welcome") {
          welcomed = true;
          this.outgoing = outgoing;
          this.log.info({ address: this.address }, "session with the coordinator began");
        }
        this.receive(message);
      }
      return { welcomed, error: new RpcError("UNAVAILABLE", "the coordinator ended the session") };
    } catch (error) {
      return { welcomed, error };
    } finally {
      this.outgoing = null;
      outgoing.end();
      if (welcomed) this.ended();
    }
  }

  private judge(error: unknown, failures: number): void {
    if (!(error instanceof RpcError)) throw error;
    const remedy = remedies[error.code];
    if (remedy !== undefined) throw new SessionRefusedError(this.address, remedy, error);
    this.log.warn(
      { address: this.address, code: error.code, reason: error.message, failures },
      "no session with the coordinator, trying again",
    );
  }
}
