/**
 * Messages on their way into a stream that are produced by events rather than by a loop: a node's
 * heartbeats, a coordinator's assignments. Bounded: {@link MessageQueue.push} refuses beyond
 * `capacity`, and what a refusal means is the caller's decision (usually: end the session, since the
 * other side has stopped reading). For one reader, and ended by its writer: a call that is over does
 * not wake a reader that waits, so end the queue when the call's signal aborts.
 */
export class MessageQueue<Message> implements AsyncIterable<Message> {
  readonly #capacity: number;
  readonly #waiting: Message[] = [];
  #ended = false;
  #wake: (() => void) | undefined;

  /** @param capacity messages that may wait, at least 1 */
  constructor(capacity: number) {
    this.#capacity = capacity;
  }

  /** Appends a message. False, without effect, when the queue is full or has ended. */
  push(message: Message): boolean {
    if (this.#ended || this.#waiting.length >= this.#capacity) return false;
    this.#waiting.push(message);
    this.#wake?.();
    return true;
  }

  /** Ends the iteration after what is waiting. */
  end(): void {
    this.#ended = true;
    this.#wake?.();
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Message, void, undefined> {
    for (;;) {
      const message = this.#waiting.shift();
      if (message !== undefined) yield message;
      else if (this.#ended) return;
      else {
        await new Promise<void>((resolve) => {
          this.#wake = resolve;
        });
      }
    }
  }
}
