import { type ChildProcessWithoutNullStreams, spawn } from "node:child_process";
import { createHash, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdirSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { createInterface } from "node:readline";
import { create, fromBinary, toBinary } from "@bufbuild/protobuf";
import type { NatsConnection } from "nats";
import { vi } from "vitest";
import { packFolder } from "../../proto/archive.ts";
import {
  GradeJobSchema,
  type GradeVerdict,
  GradeVerdictSchema,
} from "../../proto/gen/sweep/v1/event_pb.ts";
import { packageRoot } from "../../proto/package-root.ts";
import {
  eventStream,
  gradeJobSubject,
  gradingBucket,
  hiddenTaskBucket,
  ingestConsumer,
  publicTaskBucket,
} from "../../proto/subjects.ts";
import { loadTask, packHiddenHalf, packPublicHalf } from "../../proto/task/task-folder.ts";
import type { TestNats } from "./nats.ts";

/** A grader in a process of its own, as built. */
export interface GraderProcess {
  readonly child: ChildProcessWithoutNullStreams;
  /** Folder of what it keeps on disk. */
  readonly dataFolder: string;
  /** Exit code and signal. */
  readonly exited: Promise<unknown[]>;
}

/** Starts a grader and returns when it says that it serves. It ends with this process. */
export async function startGrader(options: {
  readonly nats: TestNats;
  readonly name: string;
  readonly dataFolder: string;
}): Promise<GraderProcess> {
  const { nats, name, dataFolder } = options;
  const child = spawn(process.execPath, [join(packageRoot, "dist/coordinator/cli.js"), "grader"], {
    env: {
      PATH: process.env["PATH"],
      HOME: process.env["HOME"],
      SWEEP_TETHERED: "1",
      SWEEP_NATS_URL: nats.url,
      SWEEP_NATS_USER: `grader-${name}`,
      SWEEP_NATS_PASSWORD: nats.password,
      SWEEP_DATA: dataFolder,
      SWEEP_GRADER_NAME: name,
    },
    stdio: "pipe",
  });
  const exited = once(child, "exit");
  let log = "";
  child.stderr.on("data", (chunk: Buffer) => {
    log = `${log}${chunk.toString()}`.slice(-10_000);
  });
  const ready = once(createInterface({ input: child.stdout }), "line");
  const first = await Promise.race([ready, exited]);
  if (first[0] !== `ready {"role":"grader","graderName":"${name}"}`) {
    throw new Error(`the grader did not get ready: ${JSON.stringify(first)}\n${log}`);
  }
  return { child, dataFolder, exited };
}

/** A task in the object store. */
export interface StoredTask {
  readonly id: string;
  readonly publicDigest: string;
  readonly hiddenDigest: string;
}

/** What a coordinator does for graders, on a real server. */
export class GradeDesk {
  private readonly connection: NatsConnection;
  private readonly scratchFolder: string;
  /** Verdicts in the order of their arrival. */
  readonly verdicts: GradeVerdict[] = [];

  private constructor(connection: NatsConnection, scratchFolder: string) {
    this.connection = connection;
    this.scratchFolder = scratchFolder;
  }

  /** Takes verdicts from now on, for as long as `connection` is open. */
  static async open(connection: NatsConnection, scratchFolder: string): Promise<GradeDesk> {
    const desk = new GradeDesk(connection, scratchFolder);
    const consumer = await connection.jetstream().consumers.get(eventStream, ingestConsumer);
    const messages = await consumer.consume();
    void (async () => {
      for await (const message of messages) {
        desk.verdicts.push(fromBinary(GradeVerdictSchema, message.data));
        message.ack();
      }
    })();
    return desk;
  }

  /** Packs a task whose `tests/test.sh` is `script` and puts its halves into the object store. */
  async storeTask(script: string, options: { timeoutSec?: number } = {}): Promise<StoredTask> {
    const id = `task-${randomUUID()}`;
    const folder = join(this.scratchFolder, id);
    writeTree(folder, {
      "instruction.md": "do it",
      "task.toml": [
        'schema_version = "1.4"',
        "[metadata.harness_sweep]",
        'language = "python"',
        'files = ["answer"]',
        "toolchains = []",
        'isolation = "shared"',
        "[verifier]",
        `timeout_sec = ${options.timeoutSec ?? 60}`,
        "[environment]",
        "memory_mb = 1024",
      ].join("\n"),
      "environment/workspace/answer": "",
      "tests/test.sh": script,
      "solution/solve.sh": "true",
    });
    const task = await loadTask(folder);
    const [publicHalf, hiddenHalf] = [await packPublicHalf(task), await packHiddenHalf(task)];
    await this.put(publicTaskBucket, publicHalf.archive);
    await this.put(hiddenTaskBucket, hiddenHalf.archive);
    return { id, publicDigest: publicHalf.digest, hiddenDigest: hiddenHalf.digest };
  }

  /** Packs a workspace with these files, puts it into the object store and returns its digest. */
  async storeWorkspace(files: Readonly<Record<string, string>>): Promise<string> {
    const folder = join(this.scratchFolder, `workspace-${randomUUID()}`);
    writeTree(folder, files);
    const { archive } = await packFolder(folder, { files: 1_000, bytes: 1_000_000 });
    return this.put(gradingBucket, archive);
  }

  /** Puts bytes into a bucket, under their digest unless another name is given. Returns the name. */
  async put(bucket: string, bytes: Uint8Array, name?: string): Promise<string> {
    const store = await this.connection.jetstream().views.os(bucket);
    const digest = name ?? createHash("sha256").update(bytes).digest("hex");
    await store.putBlob({ name: digest }, bytes);
    return digest;
  }

  /** Publishes a job and returns its grade's id. */
  async publish(
    task: StoredTask,
    workspaceDigest: string,
    options: { gradeId?: string; messageId?: string } = {},
  ): Promise<string> {
    const gradeId = options.gradeId ?? randomUUID();
    const job = create(GradeJobSchema, {
      gradeId,
      runId: "1",
      attemptId: randomUUID(),
      task: task.id,
      taskPublicDigest: task.publicDigest,
      taskHiddenDigest: task.hiddenDigest,
      workspaceDigest,
    });
    await this.publishBytes(toBinary(GradeJobSchema, job), options.messageId ?? gradeId);
    return gradeId;
  }

  /** Publishes whatever bytes on the work queue. */
  async publishBytes(bytes: Uint8Array, messageId: string): Promise<void> {
    await this.connection.jetstream().publish(gradeJobSubject, bytes, { msgID: messageId });
  }

  /** The verdict on a grade, when it has come. */
  verdictOn(gradeId: string, withinMs = 60_000): Promise<GradeVerdict> {
    return vi.waitFor(
      () => {
        const verdict = this.verdicts.find((one) => one.gradeId === gradeId);
        if (verdict === undefined) throw new Error(`no verdict on ${gradeId} yet`);
        return verdict;
      },
      { timeout: withinMs, interval: 50 },
    );
  }

  /** Stores a task and a workspace, publishes a job and waits for its verdict. */
  async grade(script: string, options: { timeoutSec?: number } = {}): Promise<GradeVerdict> {
    const task = await this.storeTask(script, options);
    const workspace = await this.storeWorkspace({ answer: "42" });
    return this.verdictOn(await this.publish(task, workspace));
  }
}

function writeTree(folder: string, files: Readonly<Record<string, string>>): void {
  for (const [name, content] of Object.entries(files)) {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), content);
  }
}
