import { createHash } from "node:crypto";
import { setTimeout as delay } from "node:timers/promises";
import { eq, inArray } from "drizzle-orm";
import { Events, type NatsConnection } from "nats";
import { HostedCallService } from "../proto/gen/sweep/v1/hosted_pb.ts";
import { NodeService } from "../proto/gen/sweep/v1/node_pb.ts";
import { OperatorService } from "../proto/gen/sweep/v1/operator_pb.ts";
import { harnessNames } from "../proto/harness-names.ts";
import { connectNats } from "../proto/nats/connection.ts";
import { ensureTopology } from "../proto/nats/topology.ts";
import { type RoleContext, runRole } from "../proto/role-process.ts";
import { implement, startRpcServer } from "../proto/rpc/server.ts";
import { loadAuditRules } from "./audit/load-rules.ts";
import { auditsOf } from "./auditing/audit-attempt.ts";
import { auditorBy } from "./auditing/auditor.ts";
import { auditRound } from "./auditing/round.ts";
import { Changes } from "./changes.ts";
import { type CoordinatorConfig, coordinatorConfigSchema } from "./config.ts";
import { discardGraded } from "./grading/discard-graded.ts";
import { dispatchGrades } from "./grading/dispatch.ts";
import { type ObjectPublisher, objectPublisher } from "./grading/object-publisher.ts";
import { hostedCallService } from "./hosted/service.ts";
import { compactTraces } from "./ingest/compact-traces.ts";
import { ingestEvents } from "./ingest/consumer.ts";
import type { Stored } from "./ingest/store-batch.ts";
import { startLoop } from "./loop.ts";
import { operatorService } from "./operator/service.ts";
import { sweepReader } from "./operator/sweep-reader.ts";
import { refusalOf } from "./refusal.ts";
import { adoptVersions } from "./regrading/adopt.ts";
import { schedulerRound } from "./scheduler/round.ts";
import { ConnectedNodes } from "./sessions/connected-nodes.ts";
import { nodeSessions } from "./sessions/node-session.ts";
import { type Database, openDatabase } from "./store/database.ts";
import { takeExclusiveUse } from "./store/exclusive-use.ts";
import { cells, nodes as nodesTable, sweeps, tasks } from "./store/schema.ts";

/** The scheduler's and the dispatcher's own pace; changes nudge them at once. */
const schedulerTickMs = 500;
const gradingTickMs = 1_000;
/** Traces rest before they are packed tighter; nobody waits for it. */
const compactionTickMs = 30_000;
/** Results nudge audits as well; this is for traces whose rest comes later, or never. */
const auditTickMs = 5_000;
/** Before it is seen to again that NATS has what a sweep needs; a reconnect is followed by it at once. */
const preparationTickMs = 60_000;
/** Before ingest begins anew after a failure that is not the database's. */
const ingestPauseMs = 1_000;
/** For calls that are still open when the coordinator stops. */
const closeGraceMs = 2_000;

/** Runs the coordinator as this process and ends it; see `runRole`. */
export function runCoordinator(options: {
  readonly configFile?: string | undefined;
}): Promise<never> {
  return runRole({
    role: "coordinator",
    schema: coordinatorConfigSchema,
    configFile: options.configFile,
    serve,
  });
}

async function serve(context: RoleContext<CoordinatorConfig>): Promise<void> {
  const { config, log, ready } = context;
  const failed = new AbortController();
  const signal = AbortSignal.any([context.signal, failed.signal]);

  const auditor = auditorBy(loadAuditRules());
  const database = await openDatabase(config.databaseUrl);
  const exclusive = await takeExclusiveUse({
    url: config.databaseUrl,
    onLost: (error) => failed.abort(error),
    log,
  });
  const connection = await connectNats({
    url: config.natsUrl,
    user: config.natsUser,
    password: config.natsPassword,
    log,
  });
  const objects = objectPublisher(connection);
  const prepare = () => prepareNats(database, connection, objects);
  await prepare();
  const preparation = startLoop({
    name: "preparation",
    everyMs: preparationTickMs,
    work: prepare,
    signal,
    log,
  });
  void afterEachReconnect(connection, preparation.nudge);

  const changes = new Changes();
  const nodes = new ConnectedNodes();
  const scheduler = startLoop({
    name: "scheduler",
    everyMs: schedulerTickMs,
    work: schedulerRound({
      database,
      nodes,
      leaseTtlMs: config.leaseTtlMs,
      now: Date.now,
      onChange: () => changes.notify(),
      log: log.child({ component: "scheduler" }),
    }),
    signal,
    log,
  });
  // Bounded by itself: verdicts come over the same server that takes the removals.
  const judged: string[] = [];
  const grading = startLoop({
    name: "grading",
    everyMs: gradingTickMs,
    work: async () => {
      await discardGraded(database, objects, judged.splice(0));
      await dispatchGrades({ database, connection, objects, signal });
      if ((await adoptVersions(database, log)) > 0) changes.notify();
    },
    signal,
    log,
  });
  const compaction = startLoop({
    name: "compaction",
    everyMs: compactionTickMs,
    work: async () => {
      await compactTraces(database, log);
    },
    signal,
    log,
  });
  const auditAttempt = auditsOf(database, auditor);
  const auditing = startLoop({
    name: "auditing",
    everyMs: auditTickMs,
    work: auditRound({
      database,
      auditAttempt,
      onChange: () => changes.notify(),
      signal,
      log: log.child({ component: "auditing" }),
    }),
    signal,
    log,
  });
  const onChange = (): void => {
    scheduler.nudge();
    changes.notify();
  };
  const ingest = keepIngesting({
    database,
    connection,
    signal,
    log: log.child({ component: "ingest" }),
    // Its stream or consumer may be gone.
    onFailure: preparation.nudge,
    onStored: (stored) => {
      reportCommitted(nodes, stored);
      judged.push(...judgedGrades(stored));
      grading.nudge();
      if (stored.some(({ received }) => received.event.kind === "result")) auditing.nudge();
      onChange();
    },
  });

  const server = await startRpcServer({
    listen: config.listen,
    labToken: config.labToken,
    services: [
      implement(
        NodeService,
        nodeSessions({
          database,
          nodes,
          leaseTtlMs: config.leaseTtlMs,
          heartbeatIntervalMs: config.heartbeatMs,
          // A node must be able to renew its leases while NATS is away; the next preparation makes up.
          prepareNode: async (nodeName) => {
            await ensureTopology(connection, [nodeName]).catch((error: unknown) => {
              log.warn({ err: error, nodeName }, "NATS is not prepared for the node yet");
            });
          },
          onChange,
          log: log.child({ component: "sessions" }),
        }),
      ),
      implement(
        HostedCallService,
        hostedCallService({
          database,
          onChange: () => changes.notify(),
          log: log.child({ component: "hosted" }),
        }),
      ),
      implement(
        OperatorService,
        operatorService({
          database,
          nodes,
          reader: sweepReader(config.tasks, harnessNames),
          auditing: { auditAttempt, rulesVersion: auditor.rulesVersion },
          onReopened: preparation.nudge,
          changes,
          onSubmitted: async (submission) => {
            for (const task of submission.tasks.values()) {
              await objects.publicTask(sha256(task.publicBundle), task.publicBundle);
            }
          },
          onChange,
          now: Date.now,
          log: log.child({ component: "operator" }),
        }),
      ),
    ],
    refusalOf,
    log,
  });
  ready({ address: server.address });
  log.info({ address: server.address }, "serving");

  await new Promise<void>((resolve) => {
    if (signal.aborted) resolve();
    else signal.addEventListener("abort", () => resolve(), { once: true });
  });
  await server.close(closeGraceMs);
  await Promise.all([
    scheduler.stopped,
    grading.stopped,
    preparation.stopped,
    compaction.stopped,
    auditing.stopped,
    ingest,
  ]);
  await connection.close();
  await exclusive.release();
  await database.close();
  if (failed.signal.aborted) throw failed.signal.reason;
}

/** Streams and buckets, and the public halves that nodes may ask for at any moment. */
async function prepareNats(
  database: Database,
  connection: NatsConnection,
  objects: ObjectPublisher,
): Promise<void> {
  const known = await database.queries.select({ name: nodesTable.name }).from(nodesTable);
  await ensureTopology(
    connection,
    known.map(({ name }) => name),
  );
  const needed = await database.queries
    .selectDistinctOn([tasks.id], { digest: tasks.publicBundleDigest, bundle: tasks.publicBundle })
    .from(tasks)
    .innerJoin(cells, eq(cells.taskId, tasks.id))
    .innerJoin(sweeps, eq(sweeps.id, cells.sweepId))
    .where(inArray(sweeps.state, ["active", "paused"]));
  for (const { digest, bundle } of needed) await objects.publicTask(digest, bundle);
}

/** A server that came back may have lost what it held. */
async function afterEachReconnect(connection: NatsConnection, act: () => void): Promise<void> {
  for await (const { type } of connection.status()) if (type === Events.Reconnect) act();
}

async function keepIngesting(
  options: Parameters<typeof ingestEvents>[0] & { readonly onFailure: () => void },
): Promise<void> {
  const { signal, log, onFailure } = options;
  while (!signal.aborted) {
    try {
      await ingestEvents(options);
    } catch (error) {
      if (signal.aborted) return;
      log.error({ err: error }, "ingest failed and begins anew");
      onFailure();
    }
    await delay(ingestPauseMs, undefined, { signal }).catch(() => undefined);
  }
}

function judgedGrades(stored: readonly Stored[]): string[] {
  return stored.flatMap(({ received: { event }, fate }) =>
    event.kind === "verdict" && fate !== "rejected" ? [event.verdict.gradeId] : [],
  );
}

/** Tells each node which entries of its outbox rest in Postgres now. */
function reportCommitted(nodes: ConnectedNodes, stored: readonly Stored[]): void {
  const bySender = new Map<string, string[]>();
  for (const { received } of stored) {
    const [, role, sender] = received.subject.split(".");
    if (role !== "node" || sender === undefined) continue;
    const entryIds = bySender.get(sender) ?? [];
    entryIds.push(received.entryId);
    bySender.set(sender, entryIds);
  }
  for (const [sender, entryIds] of bySender) {
    nodes.sendByName(sender, { case: "outboxCommitted", value: { entryIds } });
  }
}

function sha256(bytes: Buffer): string {
  return createHash("sha256").update(bytes).digest("hex");
}
