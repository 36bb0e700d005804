import {
  AckPolicy,
  type ConsumerConfig,
  DeliverPolicy,
  DiscardPolicy,
  type JetStreamManager,
  type NatsConnection,
  NatsError,
  nanos,
  RetentionPolicy,
  StorageType,
  type StreamConfig,
} from "nats";
import {
  bucketStream,
  eventStream,
  eventSubjects,
  gradeJobStream,
  gradeJobSubject,
  gradersConsumer,
  gradingBucket,
  hiddenTaskBucket,
  ingestConsumer,
  maxMessageBytes,
  nodeWorkspaceBucket,
  publicTaskBucket,
} from "../subjects.ts";

const mebibyte = 1024 * 1024;
const minuteMs = 60_000;

/**
 * Streams, consumers and buckets on NATS with their limits. Who may use them stands in
 * `permissions.ts`, who does in `subjects.ts`.
 *
 * Every limit of size is a stop, never a silent loss: streams and buckets that are full refuse what is new
 * (`discard: new`), publishers keep it and try again. The sizes say how long the coordinator or the
 * graders may be away, nothing more, since what matters also lies in the nodes' outboxes.
 */
interface Topology {
  readonly streams: readonly (Partial<StreamConfig> & { readonly name: string })[];
  readonly consumers: readonly {
    readonly stream: string;
    readonly config: Partial<ConsumerConfig> & { readonly durable_name: string };
  }[];
}

/**
 * After this an object that is on its way somewhere was forgotten, by a coordinator that was killed
 * before it removed it. Whoever still needs it puts it there again.
 */
const transitMs = 7 * 24 * 60 * minuteMs;

/** Subject and message id beside the payload. */
const headerBytes = 4 * 1024;

const everyStream = {
  storage: StorageType.File,
  num_replicas: 1,
  discard: DiscardPolicy.New,
} satisfies Partial<StreamConfig>;

const everyConsumer = {
  ack_policy: AckPolicy.Explicit,
  deliver_policy: DeliverPolicy.All,
  // What cannot be handled is ended by its consumer, who can say why; the server would only hide it.
  max_deliver: -1,
} satisfies Partial<ConsumerConfig>;

function topologyOf(nodeNames: readonly string[]): Topology {
  return {
    streams: [
      {
        ...everyStream,
        name: eventStream,
        subjects: [...eventSubjects],
        // One consumer takes each message once; acknowledged is gone.
        retention: RetentionPolicy.Workqueue,
        max_bytes: 1024 * mebibyte,
        max_msg_size: maxMessageBytes + headerBytes,
        // Longer than a node takes to restart and send its outbox again. Later repeats cost the
        // ingest a look-up, no more: the database refuses them by key.
        duplicate_window: nanos(10 * minuteMs),
      },
      {
        ...everyStream,
        name: gradeJobStream,
        subjects: [gradeJobSubject],
        retention: RetentionPolicy.Workqueue,
        max_bytes: 64 * mebibyte,
        max_msg_size: maxMessageBytes + headerBytes,
        duplicate_window: nanos(10 * minuteMs),
      },
      bucket(publicTaskBucket, 512 * mebibyte),
      bucket(hiddenTaskBucket, 512 * mebibyte),
      { ...bucket(gradingBucket, 2048 * mebibyte), max_age: nanos(transitMs) },
      ...nodeNames.map((nodeName) => ({
        ...bucket(nodeWorkspaceBucket(nodeName), 1024 * mebibyte),
        max_age: nanos(transitMs),
      })),
    ],
    consumers: [
      {
        stream: eventStream,
        config: {
          ...everyConsumer,
          durable_name: ingestConsumer,
          // A batch commits in well under a second; what a killed coordinator held returns after this.
          ack_wait: nanos(30_000),
          // Several batches, so that fetching the next overlaps with committing the last.
          max_ack_pending: 2_000,
        },
      },
      {
        stream: gradeJobStream,
        config: {
          ...everyConsumer,
          durable_name: gradersConsumer,
          // A grader says "working" more often than this while it grades; a killed one's job goes to another.
          ack_wait: nanos(30_000),
          // Jobs under way over all graders.
          max_ack_pending: 256,
        },
      },
    ],
  };
}

/**
 * An object store bucket as the client library lays it out, but without direct gets: those publish
 * stored bytes to any subject that the reader names (see `permissions.ts`).
 */
function bucket(name: string, maxBytes: number): Topology["streams"][number] {
  return {
    ...everyStream,
    name: bucketStream(name),
    subjects: [`$O.${name}.C.>`, `$O.${name}.M.>`],
    retention: RetentionPolicy.Limits,
    max_bytes: maxBytes,
    allow_rollup_hdrs: true,
    allow_direct: false,
  };
}

/**
 * Creates what is missing and brings limits of what exists to those stated here. Data stays. May be
 * repeated at any time, also beside a running lab, and needs the coordinator's permissions.
 *
 * @param nodeNames nodes that need a workspace bucket; buckets of other nodes are left as they are.
 * @throws NatsError when the server refuses, for example for want of storage.
 */
export async function ensureTopology(
  connection: NatsConnection,
  nodeNames: readonly string[],
): Promise<void> {
  const manager = await connection.jetstreamManager();
  const { streams, consumers } = topologyOf(nodeNames);
  for (const stream of streams) await ensureStream(manager, stream);
  for (const { stream, config } of consumers) {
    const exists = await found(manager.consumers.info(stream, config.durable_name));
    if (exists) await manager.consumers.update(stream, config.durable_name, config);
    else await manager.consumers.add(stream, config);
  }
}

async function ensureStream(
  manager: JetStreamManager,
  config: Topology["streams"][number],
): Promise<void> {
  if (await found(manager.streams.info(config.name))) {
    await manager.streams.update(config.name, config);
  } else {
    await manager.streams.add(config);
  }
}

/** JetStream's code for an API call about something that does not exist. */
const notFound = 404;

async function found(question: Promise<unknown>): Promise<boolean> {
  try {
    await question;
    return true;
  } catch (error) {
    if (error instanceof NatsError && error.api_error?.code === notFound) return false;
    throw error;
  }
}
