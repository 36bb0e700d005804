import { ErrorCode, type NatsConnection, StringCodec } from "nats";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import {
  eventStream,
  gradeJobStream,
  gradeJobSubject,
  gradersConsumer,
  gradingBucket,
  hiddenTaskBucket,
  inboxPrefix,
  nodeWorkspaceBucket,
  publicTaskBucket,
  resultSubject,
  traceSubject,
  verdictSubject,
} from "../../proto/subjects.ts";
import { startTestNats, type TestNats } from "../support/nats.ts";

/**
 * Every row of the table in `proto/nats/permissions.ts` on a real server: what each user may do
 * works, and what it may not is refused by name, while the same act by a user who may succeeds.
 */
describe("NATS permissions", () => {
  let nats: TestNats;
  let coordinator: NatsConnection;
  let nodeA: NatsConnection;
  let nodeB: NatsConnection;
  let grader: NatsConnection;

  beforeAll(async () => {
    nats = await startTestNats({ nodes: ["a", "b"], graders: ["g", "h"] });
    coordinator = await nats.connect("coordinator");
    nodeA = await nats.connect("node-a");
    nodeB = await nats.connect("node-b");
    grader = await nats.connect("grader-g");
    await putBlob(coordinator, publicTaskBucket, "public-half");
    await putBlob(coordinator, hiddenTaskBucket, "hidden-half");
    await putBlob(coordinator, gradingBucket, "workspace");
    await putBlob(nodeB, nodeWorkspaceBucket("b"), "of-b");
  });
  afterAll(() => nats.stop());

  describe("of a node", () => {
    test.each([traceSubject("a"), resultSubject("a")])("let it publish %s", async (subject) => {
      expect(await publish(nodeA, subject)).toBe(eventStream);
    });

    test.each([
      traceSubject("b"),
      resultSubject("b"),
      verdictSubject("g"),
      verdictSubject("a"),
      gradeJobSubject,
    ])("keep it from publishing %s", async (subject) => {
      await expectDenied(publish(nodeA, subject));
    });

    test("let it put to its own bucket, look at what it put, and put it again", async () => {
      await putBlob(nodeA, nodeWorkspaceBucket("a"), "mine");
      const bucket = await nodeA.jetstream().views.os(nodeWorkspaceBucket("a"));
      expect(await bucket.info("mine")).toMatchObject({ size: blob.length });
      await putBlob(nodeA, nodeWorkspaceBucket("a"), "mine");
      expect(blob.equals(await getBlob(coordinator, nodeWorkspaceBucket("a"), "mine"))).toBe(true);
    });

    test.each([nodeWorkspaceBucket("b"), publicTaskBucket, hiddenTaskBucket, gradingBucket])(
      "keep it from writing to bucket %s",
      async (bucket) => {
        const before = await sizeOf(`OBJ_${bucket}`);
        await expectDenied(publish(nodeA, `$O.${bucket}.C.chunk`));
        await expectDenied(publish(nodeA, `$O.${bucket}.M.meta`));
        expect(await sizeOf(`OBJ_${bucket}`)).toBe(before);
      },
    );

    test("let it get the public half of a task", async () => {
      expect(blob.equals(await getBlob(nodeA, publicTaskBucket, "public-half"))).toBe(true);
    });

    test.each([
      [hiddenTaskBucket, "hidden-half"],
      [gradingBucket, "workspace"],
      [nodeWorkspaceBucket("b"), "of-b"],
    ])("keep it from reading bucket %s, which somebody else can read", async (bucket, name) => {
      expect(blob.equals(await getBlob(coordinator, bucket, name))).toBe(true);
      await expectDenied(getBlob(nodeA, bucket, name));
      const stream = `OBJ_${bucket}`;
      const api = nodeA.jetstreamManager();
      await expectDenied(api.then((manager) => manager.streams.info(stream)));
      await expectDenied(api.then((manager) => manager.streams.getMessage(stream, { seq: 1 })));
      await expectDenied(api.then((manager) => manager.consumers.add(stream, {})));
      await expectDenied(request(nodeA, `$JS.API.DIRECT.GET.${stream}`, { seq: 1 }));
    });

    test.each([eventStream, gradeJobStream])(
      "keep it from looking into, emptying or deleting stream %s",
      async (stream) => {
        const manager = await nodeA.jetstreamManager();
        await expectDenied(manager.streams.info(stream));
        await expectDenied(manager.streams.getMessage(stream, { seq: 1 }));
        await expectDenied(manager.streams.purge(stream));
        await expectDenied(manager.streams.delete(stream));
        await expectDenied(manager.consumers.add(stream, { durable_name: "mine" }));
        expect(
          await coordinator.jetstreamManager().then((m) => m.streams.info(stream)),
        ).toBeDefined();
      },
    );

    test("keep it from having the server publish for it: no consumer, no direct get on its own bucket", async () => {
      const stream = `OBJ_${nodeWorkspaceBucket("a")}`;
      const manager = await nodeA.jetstreamManager();
      const asNodeB = { deliver_subject: resultSubject("b"), ack_policy: "none" };
      for (const subject of [
        `$JS.API.CONSUMER.CREATE.${stream}`,
        `$JS.API.CONSUMER.CREATE.${stream}.x`,
        `$JS.API.CONSUMER.DURABLE.CREATE.${stream}.x`,
      ]) {
        await expectDenied(request(nodeA, subject, { stream_name: stream, config: asNodeB }));
      }
      await expectDenied(request(nodeA, `$JS.API.DIRECT.GET.${stream}`, { seq: 1 }));
      await expectDenied(manager.streams.delete(stream));
    });

    test.each([
      traceSubject("b"),
      traceSubject("*"),
      `${inboxPrefix("node-b")}.>`,
      `${inboxPrefix("coordinator")}.>`,
      "_INBOX.>",
      "$O.>",
      ">",
    ])("keep it from subscribing to %s", async (subject) => {
      await expectSubscriptionDenied(nodeA, subject);
    });
  });

  describe("of a grader", () => {
    test("let it take a job, say that it works on it, acknowledge it and publish its verdict", async () => {
      expect(await publish(coordinator, gradeJobSubject)).toBe(gradeJobStream);
      const consumer = await grader.jetstream().consumers.get(gradeJobStream, gradersConsumer);
      const job = await consumer.next({ expires: 5_000 });
      job?.working();
      expect(await job?.ackAck()).toBe(true);
      expect(await publish(grader, verdictSubject("g"))).toBe(eventStream);
      expect(await sizeOf(gradeJobStream)).toBe(0);
    });

    test.each([
      [publicTaskBucket, "public-half"],
      [hiddenTaskBucket, "hidden-half"],
      [gradingBucket, "workspace"],
    ])("let it get from bucket %s and not write to it", async (bucket, name) => {
      expect(blob.equals(await getBlob(grader, bucket, name))).toBe(true);
      await expectDenied(publish(grader, `$O.${bucket}.C.chunk`));
      await expectDenied(publish(grader, `$O.${bucket}.M.meta`));
      const manager = await grader.jetstreamManager();
      await expectDenied(manager.streams.purge(`OBJ_${bucket}`));
    });

    test.each([verdictSubject("h"), traceSubject("a"), resultSubject("a"), gradeJobSubject])(
      "keep it from publishing %s",
      async (subject) => {
        await expectDenied(publish(grader, subject));
      },
    );

    test("keep it from nodes' buckets, from events, and from changing the queue", async () => {
      const manager = await grader.jetstreamManager();
      await expectDenied(getBlob(grader, nodeWorkspaceBucket("b"), "of-b"));
      await expectDenied(manager.streams.info(eventStream));
      await expectDenied(manager.streams.purge(gradeJobStream));
      await expectDenied(manager.consumers.delete(gradeJobStream, gradersConsumer));
      await expectDenied(manager.consumers.add(gradeJobStream, { durable_name: "mine" }));
    });

    test.each([gradeJobSubject, `${inboxPrefix("grader-h")}.>`, ">"])(
      "keep it from subscribing to %s",
      async (subject) => {
        await expectSubscriptionDenied(grader, subject);
      },
    );
  });

  test("let a large object pass, for which the server asks the reader to keep pace", async () => {
    const large = Buffer.alloc(24 * 1024 * 1024, "large ");
    const store = await coordinator.jetstream().views.os(publicTaskBucket);
    await store.putBlob({ name: "large" }, large);
    expect(large.equals(await getBlob(nodeA, publicTaskBucket, "large"))).toBe(true);
  });

  describe("of the coordinator", () => {
    test.each([traceSubject("a"), resultSubject("a"), verdictSubject("g")])(
      "keep it from publishing %s in another's name",
      async (subject) => {
        await expectDenied(publish(coordinator, subject));
      },
    );

    test("let it move a workspace from a node's bucket to the graders' and delete the first", async () => {
      await putBlob(coordinator, gradingBucket, "moved");
      const bucket = await coordinator.jetstream().views.os(nodeWorkspaceBucket("b"));
      expect(await bucket.delete("of-b")).toMatchObject({ success: true });
      expect(blob.equals(await getBlob(grader, gradingBucket, "moved"))).toBe(true);
      await putBlob(nodeB, nodeWorkspaceBucket("b"), "of-b");
    });
  });

  const sizeOf = async (stream: string): Promise<number> =>
    (await (await coordinator.jetstreamManager()).streams.info(stream)).state.messages;
});

/** Several chunks of the object store's 128 KiB. */
const blob = Buffer.alloc(300_000, "workspace ");

async function putBlob(connection: NatsConnection, bucket: string, name: string): Promise<void> {
  const store = await connection.jetstream().views.os(bucket);
  await store.putBlob({ name }, blob);
}

async function getBlob(connection: NatsConnection, bucket: string, name: string): Promise<Buffer> {
  const store = await connection.jetstream().views.os(bucket);
  const bytes = await store.getBlob(name);
  return Buffer.from(bytes ?? []);
}

/** The stream that took the message. */
async function publish(connection: NatsConnection, subject: string): Promise<string> {
  return (await connection.jetstream().publish(subject, "payload", { timeout: 5_000 })).stream;
}

function request(connection: NatsConnection, subject: string, body: object): Promise<unknown> {
  return connection.request(subject, StringCodec().encode(JSON.stringify(body)), {
    timeout: 5_000,
  });
}

/** A refusal by the server's permissions; a mere timeout or absence does not count. */
async function expectDenied(act: Promise<unknown>): Promise<void> {
  await expect(act).rejects.toMatchObject({ code: ErrorCode.PermissionsViolation });
}

async function expectSubscriptionDenied(
  connection: NatsConnection,
  subject: string,
): Promise<void> {
  const subscription = connection.subscribe(subject);
  await expectDenied(
    (async () => {
      for await (const message of subscription) throw new Error(`got ${message.subject}`);
    })(),
  );
}
