import { createInterface } from "node:readline";
import type { Duplex } from "node:stream";
import { type CandidatePlaces, type RunningCandidate, startCandidate } from "./candidate.ts";
import {
  type CandidateStart,
  type GraderMessage,
  graderLine,
  type JudgeMessage,
  judgeMessageSchema,
} from "./candidate-message.ts";
import type { Machine } from "./machine.ts";

/** A judge said something that is no message, or nothing that can be done now: its task is broken. */
export class JudgeProtocolError extends Error {
  override readonly name = "JudgeProtocolError";
}

/** Serves one judge with candidates. */
export interface CandidateBroker {
  /** Rejects with a JudgeProtocolError, or a SandboxError of a candidate's; never resolves. */
  readonly failed: Promise<never>;
  /** Ends the candidate under way, if there is one; resolves when nothing of it is left. */
  close(): Promise<void>;
}

/**
 * Starts the candidates that a judge asks for over its channel, one at a time, and passes on what
 * the two say. The judge and the code under test have nothing in common but this.
 *
 * @param emptyTemporary empties the candidates' temporary folder; called before each start
 */
export function serveCandidates(options: {
  readonly machine: Machine;
  readonly places: CandidatePlaces;
  readonly channel: Duplex;
  readonly emptyTemporary: () => Promise<void>;
}): CandidateBroker {
  const { machine, places, channel, emptyTemporary } = options;
  let current: RunningCandidate | undefined;
  let isClosed = false;
  let giveUp = (_error: unknown): void => {};
  const failed = new Promise<never>((_resolve, reject) => {
    giveUp = reject;
  });
  failed.catch(() => {});

  const tell = (message: GraderMessage): void => void channel.write(graderLine(message));

  const start = async (wanted: CandidateStart): Promise<void> => {
    if (current !== undefined) throw new JudgeProtocolError("a candidate is running already");
    await emptyTemporary();
    if (isClosed) return;
    const candidate = startCandidate(machine, places, wanted, (chunk) =>
      tell({ kind: "answer", data: chunk.toString("base64") }),
    );
    current = candidate;
    candidate.ended.then((end) => {
      current = undefined;
      tell({ kind: "ended", ...end });
    }, giveUp);
  };

  const act = async (message: JudgeMessage): Promise<void> => {
    switch (message.kind) {
      case "start":
        return start(message);
      // One that has ended meanwhile needs nothing more.
      case "send":
        return current?.send(message.data);
      case "close":
        return current?.closeInput();
    }
  };

  let acting = Promise.resolve();
  createInterface({ input: channel, crlfDelay: Number.POSITIVE_INFINITY }).on("line", (line) => {
    acting = acting.then(() => act(parseMessage(line))).catch(giveUp);
  });
  return {
    failed,
    close: async () => {
      isClosed = true;
      await acting;
      await current?.kill();
    },
  };
}

function parseMessage(line: string): JudgeMessage {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch (cause) {
    throw new JudgeProtocolError("a line to the grader is no JSON", { cause });
  }
  const parsed = judgeMessageSchema.safeParse(value);
  if (parsed.success) return parsed.data;
  const problems = parsed.error.issues.map(({ path, message }) => `${path.join(".")}: ${message}`);
  throw new JudgeProtocolError(`a line to the grader is no message: ${problems.join("; ")}`);
}
