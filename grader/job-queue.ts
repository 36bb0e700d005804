import { setTimeout as delay } from "node:timers/promises";
import { toBinary } from "@bufbuild/protobuf";
import type { JsMsg, NatsConnection } from "nats";
import pRetry from "p-retry";
import {
  type GradeJob,
  type GradeVerdict,
  GradeVerdictSchema,
} from "../proto/gen/sweep/v1/event_pb.ts";
import type { Logger } from "../proto/log.ts";
import { gradeJobStream, gradersConsumer } from "../proto/subjects.ts";
import { decodeJob } from "./job.ts";

/** How long one request for a job stays open; also how late a stop may be noticed while idle. */
const pullMs = 1_000;
/** A few times within the 30 seconds after which the queue gives a silent grader's job to another. */
const workingEveryMs = 5_000;
/** After a failure of the queue itself, before it is asked again. */
const pauseMs = 1_000;
const publishTimeoutMs = 5_000;
/** With pauses up to ten seconds: three to five minutes of a server that is away or full. */
const publishTries = 20;
const maxPublishPauseMs = 10_000;

/**
 * Takes grade jobs from the work queue, one at a time, until `stop` aborts. A job is acknowledged
 * after JetStream has its verdict, and no sooner, so that killing this process loses none: the queue
 * gives it to another grader, whose verdict has the same message id and entry id.
 *
 * @param options.onServing called once, when the queue was found
 * @param options.stop no further job is taken; one under way is finished
 * @param options.abandon `perform` fails then, and the job under way is given back
 */
export async function serveJobs(options: {
  readonly connection: NatsConnection;
  readonly perform: (job: GradeJob) => Promise<GradeVerdict>;
  readonly verdictSubject: string;
  readonly onServing: () => void;
  readonly stop: AbortSignal;
  readonly abandon: AbortSignal;
  readonly log: Logger;
}): Promise<void> {
  const { connection, stop, log } = options;
  let isServing = false;
  while (!stop.aborted) {
    try {
      const consumer = await connection.jetstream().consumers.get(gradeJobStream, gradersConsumer);
      if (!isServing) options.onServing();
      isServing = true;
      while (!stop.aborted) {
        const message = await consumer.next({ expires: pullMs });
        if (message !== null) await handle(message, options);
      }
    } catch (error) {
      log.warn({ err: error }, "the queue of grade jobs does not answer, trying again");
      await delay(pauseMs, undefined, { signal: stop }).catch(() => undefined);
    }
  }
}

async function handle(message: JsMsg, options: Parameters<typeof serveJobs>[0]): Promise<void> {
  const { connection, perform, verdictSubject, stop, abandon, log } = options;
  const decoded = decodeJob(message.data);
  if (decoded.kind === "malformed") {
    log.error({ sequence: message.seq, reason: decoded.reason }, "a grade job cannot be read");
    // Not "terminated": that would end its deliveries and yet leave it in the stream for good.
    message.ack();
    return;
  }
  const { gradeId, attemptId } = decoded.job;
  if (stop.aborted) {
    message.nak();
    return;
  }
  const working = setInterval(() => message.working(), workingEveryMs);
  try {
    const verdict = await perform(decoded.job);
    await publish(connection, verdictSubject, verdict, abandon);
    await message.ackAck();
  } catch (error) {
    log.warn({ err: error, gradeId, attemptId }, "a grade job was given back");
    message.nak();
  } finally {
    clearInterval(working);
  }
}

async function publish(
  connection: NatsConnection,
  subject: string,
  verdict: GradeVerdict,
  signal: AbortSignal,
): Promise<void> {
  const payload = toBinary(GradeVerdictSchema, verdict);
  await pRetry(
    () =>
      connection.jetstream().publish(subject, payload, {
        msgID: verdict.entryId,
        timeout: publishTimeoutMs,
      }),
    { retries: publishTries, maxTimeout: maxPublishPauseMs, randomize: true, signal },
  );
}
