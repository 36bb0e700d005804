import { sql } from "drizzle-orm";
import {
  bigint,
  boolean,
  check,
  customType,
  doublePrecision,
  index,
  integer,
  jsonb,
  pgTable,
  text,
  timestamp,
  unique,
  uuid,
} from "drizzle-orm/pg-core";
import { type AttemptEnding, attemptEndings } from "../leases/attempt-ending.ts";
import { type RunState, runStates } from "../run-state.ts";
import {
  type Determinism,
  determinisms,
  type HostedModel,
  type ModelKind,
  type SamplingSettings,
  type SandboxMode,
  sandboxModes,
} from "../sweep-file/definition.ts";

/**
 * The tables, but for what judges attempts (`verdict-tables.ts`) and what nodes report as it came
 * (`trace-tables.ts`). `migrations/` is generated from the three files (`npm run generate:migrations`),
 * except for views and comments, which are SQL of their own. Moments are the database's clock throughout.
 */

/** Bytes, as a Buffer. */
export const bytea = customType<{ data: Buffer }>({ dataType: () => "bytea" });
/** A moment of the database's clock. */
export const moment = (name: string) => timestamp(name, { withTimezone: true, mode: "date" });
/** A constraint: the column holds one of these values. */
export const oneOf = (column: string, values: readonly string[]) =>
  sql.raw(`${column} in (${values.map((value) => `'${value}'`).join(", ")})`);

/** States of a sweep as operators set and see them. */
export const sweepStates = ["active", "paused", "cancelled", "completed"] as const;
/** See {@link sweepStates}. */
export type SweepStateName = (typeof sweepStates)[number];

/** A sweep as submitted, and whether its runs may start. */
export const sweeps = pgTable(
  "sweeps",
  {
    id: uuid("id").primaryKey(),
    name: text("name").notNull().unique(),
    state: text("state").$type<SweepStateName>().notNull(),
    fileName: text("file_name").notNull(),
    /** The sweep file as last submitted. */
    fileText: text("file_text").notNull(),
    /** What all calls of hosted models may cost together; null is no cap. */
    spendingCapUsd: doublePrecision("spending_cap_usd"),
    /** Why it was paused, if nobody asked for it. */
    pauseReason: text("pause_reason").notNull().default(""),
    createdAt: moment("created_at").notNull().defaultNow(),
    amendedAt: moment("amended_at"),
  },
  () => [check("sweeps_state", oneOf("state", sweepStates))],
);

/** The model-quants that cells name. */
export const models = pgTable("models", {
  id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
  /** Digest over all that follows: two sweeps that mean the same model share a row. */
  identity: text("identity").notNull().unique(),
  name: text("name").notNull(),
  kind: text("kind").$type<ModelKind>().notNull(),
  /** Empty for a hosted model. */
  path: text("path").notNull(),
  contextTokens: integer("context_tokens").notNull(),
  /** Empty for the model's own. */
  chatTemplatePath: text("chat_template_path").notNull().default(""),
  /** Null unless a vendor serves it. Holds where the key is found, never the key. */
  hosted: jsonb("hosted").$type<HostedModel>(),
});

/** The harnesses that cells name. */
export const harnesses = pgTable("harnesses", {
  name: text("name").primaryKey(),
});

/** Versions of tasks, each with the archives of both halves: a sweep no longer needs the folders it came from. */
export const tasks = pgTable(
  "tasks",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    name: text("name").notNull(),
    language: text("language").notNull(),
    /** What nodes and graders must have for it, each once and sorted, as proto/toolchain/manifest.ts names them. */
    toolchains: text("toolchains").array().notNull().default([]),
    /** Digests of the halves' content: the task's version. */
    publicDigest: text("public_digest").notNull(),
    hiddenDigest: text("hidden_digest").notNull(),
    publicBundle: bytea("public_bundle").notNull(),
    hiddenBundle: bytea("hidden_bundle").notNull(),
    /** Digests of the bundles' bytes, under which nodes and graders fetch them. */
    publicBundleDigest: text("public_bundle_digest")
      .notNull()
      .generatedAlwaysAs(sql`encode(sha256(public_bundle), 'hex')`),
    hiddenBundleDigest: text("hidden_bundle_digest")
      .notNull()
      .generatedAlwaysAs(sql`encode(sha256(hidden_bundle), 'hex')`),
  },
  (table) => [unique("tasks_version").on(table.name, table.publicDigest, table.hiddenDigest)],
);

/** A (model, harness, task) of a sweep with the settings of its runs. */
export const cells = pgTable(
  "cells",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    sweepId: uuid("sweep_id")
      .notNull()
      .references(() => sweeps.id),
    modelId: bigint("model_id", { mode: "number" })
      .notNull()
      .references(() => models.id),
    /** Repeats models.name, so that a sweep cannot hold two models of one name. */
    modelName: text("model_name").notNull(),
    harness: text("harness")
      .notNull()
      .references(() => harnesses.name),
    taskId: bigint("task_id", { mode: "number" })
      .notNull()
      .references(() => tasks.id),
    taskName: text("task_name").notNull(),
    wallSeconds: integer("wall_seconds").notNull(),
    outputTokens: integer("output_tokens").notNull(),
    turns: integer("turns").notNull(),
    sampling: jsonb("sampling").$type<SamplingSettings>().notNull(),
    determinism: text("determinism").$type<Determinism>().notNull(),
    sandbox: text("sandbox").$type<SandboxMode>().notNull(),
    /** Whether a decoy of a grader lies in the sandbox. */
    decoy: boolean("decoy").notNull().default(false),
    /** What makes two cells' numbers comparable (cell-identity.ts). */
    identity: text("identity").notNull(),
  },
  (table) => [
    unique("cells_of_sweep").on(table.sweepId, table.modelName, table.harness, table.taskName),
    check("cells_determinism", oneOf("determinism", determinisms)),
    check("cells_sandbox", oneOf("sandbox", sandboxModes)),
  ],
);

/** A cell and a seed: the unit whose result counts. */
export const runs = pgTable(
  "runs",
  {
    id: bigint("id", { mode: "number" }).primaryKey().generatedAlwaysAsIdentity(),
    sweepId: uuid("sweep_id")
      .notNull()
      .references(() => sweeps.id),
    cellId: bigint("cell_id", { mode: "number" })
      .notNull()
      .references(() => cells.id),
    seed: integer("seed").notNull(),
    state: text("state").$type<RunState>().notNull().default("pending"),
    /** Why the run is where it is, where that is not plain: the last failure, the end's cause. */
    reason: text("reason").notNull().default(""),
    /** Attempts that count against max_attempts; refusals and drains do not. */
    failures: integer("failures").notNull().default(0),
    maxAttempts: integer("max_attempts").notNull(),
    /** Epoch of the latest grant; rises with each. */
    epoch: integer("epoch").notNull().default(0),
    acceptedAttemptId: uuid("accepted_attempt_id"),
    changedAt: moment("changed_at").notNull().defaultNow(),
  },
  (table) => [
    unique("runs_of_cell").on(table.cellId, table.seed),
    check("runs_state", oneOf("state", runStates)),
    index("runs_pending")
      .on(table.sweepId, table.cellId)
      .where(sql`state in ('pending', 'unplaceable')`),
    index("runs_by_sweep_state").on(table.sweepId, table.state),
  ],
);

/** Every node that ever joined. */
export const nodes = pgTable("nodes", {
  id: uuid("id").primaryKey(),
  name: text("name").notNull().unique(),
  programVersion: text("program_version").notNull(),
  /** The Capabilities message of the last Hello, as protobuf JSON. */
  capabilities: jsonb("capabilities").notNull(),
  draining: boolean("draining").notNull().default(false),
  loadedModel: text("loaded_model").notNull().default(""),
  lastSeenAt: moment("last_seen_at").notNull().defaultNow(),
});

/** One execution of a run, its result included once that has come. */
export const attempts = pgTable(
  "attempts",
  {
    id: uuid("id").primaryKey(),
    runId: bigint("run_id", { mode: "number" })
      .notNull()
      .references(() => runs.id),
    number: integer("number").notNull(),
    epoch: integer("epoch").notNull(),
    nodeId: uuid("node_id")
      .notNull()
      .references(() => nodes.id),
    grantedAt: moment("granted_at").notNull().defaultNow(),
    startedAt: moment("started_at"),
    endedAt: moment("ended_at"),
    /** Null while the attempt lives. */
    ending: text("ending").$type<AttemptEnding>(),
    reason: text("reason").notNull().default(""),
    /** A result came, but after the lease was lost: kept, never counted. */
    superseded: boolean("superseded").notNull().default(false),
    /** When the result was committed; null if none ever came. */
    resultAt: moment("result_at"),
    agentSeconds: doublePrecision("agent_seconds"),
    exitCode: integer("exit_code"),
    exitSignal: text("exit_signal"),
    /** Side calls included. */
    modelCalls: integer("model_calls").notNull().default(0),
    sideCalls: integer("side_calls").notNull().default(0),
    inputTokens: bigint("input_tokens", { mode: "number" }).notNull().default(0),
    cachedTokens: bigint("cached_tokens", { mode: "number" }).notNull().default(0),
    outputTokens: bigint("output_tokens", { mode: "number" }).notNull().default(0),
    traceEvents: integer("trace_events").notNull().default(0),
    workspaceDigest: text("workspace_digest").references(() => workspaces.digest),
    workspaceOmissions: jsonb("workspace_omissions").$type<string[]>().notNull().default([]),
    /** Events that the last audit of its trace read; null before the first. */
    auditedEvents: integer("audited_events"),
    /** Why an accepted result was put aside for a new attempt; such a result never counts. Else empty. */
    setAsideReason: text("set_aside_reason").notNull().default(""),
    /** The Provenance message as protobuf JSON. */
    provenance: jsonb("provenance"),
  },
  (table) => [
    unique("attempts_of_run").on(table.runId, table.number),
    unique("attempts_epoch").on(table.runId, table.epoch),
    check("attempts_ending", oneOf("ending", attemptEndings)),
    index("attempts_by_node").on(table.nodeId, table.grantedAt),
    /** Few rows: those that wait for an audit, and those whose trace never became whole. */
    index("attempts_to_audit")
      .on(table.endedAt)
      .where(
        sql`ended_at is not null and (audited_events is null or audited_events < trace_events)`,
      ),
  ],
);

/** At most one a run: the right to execute it. A row goes when the right ends. */
export const leases = pgTable(
  "leases",
  {
    runId: bigint("run_id", { mode: "number" })
      .primaryKey()
      .references(() => runs.id),
    attemptId: uuid("attempt_id")
      .notNull()
      .unique()
      .references(() => attempts.id),
    nodeId: uuid("node_id")
      .notNull()
      .references(() => nodes.id),
    epoch: integer("epoch").notNull(),
    grantedAt: moment("granted_at").notNull().defaultNow(),
    expiresAt: moment("expires_at").notNull(),
    /** Set when the node has finished and its result is on the way: the slot is free. */
    releasedAt: moment("released_at"),
  },
  (table) => [
    index("leases_by_node").on(table.nodeId),
    index("leases_by_expiry").on(table.expiresAt),
  ],
);

/** Final workspaces by the SHA-256 of their archive. */
export const workspaces = pgTable("workspaces", {
  digest: text("digest").primaryKey(),
  archive: bytea("archive").notNull(),
});

/**
 * Calls of hosted models: reserved before they are made, settled afterwards. What a sweep has spent
 * and what the lab asks of a vendor in a minute are sums over these.
 */
export const hostedCalls = pgTable(
  "hosted_calls",
  {
    id: uuid("id").primaryKey(),
    sweepId: uuid("sweep_id")
      .notNull()
      .references(() => sweeps.id),
    attemptId: uuid("attempt_id")
      .notNull()
      .references(() => attempts.id),
    /** What is limited together: the endpoint and the vendor's model. */
    rateLimitKey: text("rate_limit_key").notNull(),
    reservedAt: moment("reserved_at").notNull().defaultNow(),
    /** Upper bounds of what the call may use. */
    reservedTokens: bigint("reserved_tokens", { mode: "number" }).notNull(),
    reservedUsd: doublePrecision("reserved_usd").notNull(),
    /** Null while the call goes on. */
    settledAt: moment("settled_at"),
    /** The vendor's last HTTP status, 0 if there was none. */
    status: integer("status"),
    inputTokens: bigint("input_tokens", { mode: "number" }),
    cachedTokens: bigint("cached_tokens", { mode: "number" }),
    outputTokens: bigint("output_tokens", { mode: "number" }),
    usd: doublePrecision("usd"),
    /** The vendor asked the lab to wait until then. */
    retryAt: moment("retry_at"),
  },
  (table) => [
    index("hosted_calls_by_sweep").on(table.sweepId),
    index("hosted_calls_by_limit").on(table.rateLimitKey, table.reservedAt),
    index("hosted_calls_open").on(table.attemptId).where(sql`settled_at is null`),
  ],
);
