import assert from "node:assert/strict";
import { mkdir, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";
import { sha256 } from "../../proto/digest.ts";
import type { Logger } from "../../proto/log.ts";
import {
  DamagedEntryError,
  decodeEntry,
  encodeEntry,
  temporarySuffix,
  writeDurably,
} from "./entry-file.ts";

/** What the outbox knows of an entry without reading its payload. */
export interface OutboxEntry {
  /** `<attemptId>/trace/<firstSequence>` or `<attemptId>/result`; also its message id on NATS. */
  readonly id: string;
  readonly attemptId: string;
  readonly kind: "trace" | "result";
  /** SHA-256 of the workspace archive that belongs to a result, null without one. */
  readonly workspaceDigest: string | null;
}

/** An entry as it is appended. */
export interface NewOutboxEntry {
  readonly id: string;
  readonly attemptId: string;
  readonly kind: "trace" | "result";
  /** The encoded TraceChunk or AttemptResult. */
  readonly payload: Uint8Array;
  /** The archive that the result names. */
  readonly workspace: { readonly digest: string; readonly archive: Uint8Array } | null;
}

/** The outbox has reached its bound; nothing of the entry was kept. */
export class OutboxFullError extends Error {
  constructor(neededBytes: number, usedBytes: number, maxBytes: number) {
    super(
      `the outbox is full: ${usedBytes} of ${maxBytes} bytes are used and ${neededBytes} more are needed. ` +
        "It empties when NATS and the coordinator can be reached",
    );
    this.name = "OutboxFullError";
  }
}

/** The disk refused an entry; nothing of it was kept. */
export class OutboxWriteError extends Error {
  constructor(id: string, cause: unknown) {
    super(`the outbox could not write entry ${id}; see to the disk of SWEEP_DATA`, { cause });
    this.name = "OutboxWriteError";
  }
}

/** Share of the bound that traces may fill, so that there is room for the result that follows them. */
const traceShare = 0.75;

interface Stored extends OutboxEntry {
  readonly path: string;
  readonly bytes: number;
}

/**
 * Everything a node produced and the coordinator has not reported committed, in files of one folder.
 * An entry is there from the moment `append` resolves until `remove`, whatever kills the process or
 * the machine between. One process at a time owns the folder.
 *
 * A result's workspace archive lies beside it, is written before it and deleted after it, so that an
 * archive without its entry is what an interrupted write or delete left over.
 */
export class Outbox {
  private readonly folder: string;
  private readonly maxBytes: number;
  private readonly log: Logger;
  private readonly stored = new Map<string, Stored>();
  private nextNumber = 1;
  private used = 0;
  /** The last write that was begun; writes go one after the other, so that order on disk is order of calls. */
  private lastWrite: Promise<unknown> = Promise.resolve();

  private constructor(folder: string, maxBytes: number, log: Logger) {
    this.folder = folder;
    this.maxBytes = maxBytes;
    this.log = log;
  }

  /**
   * Opens the outbox in `folder`, which is made if absent, and finds what an earlier process left.
   * Damaged files are set aside in `damaged/` and logged: they cannot be delivered, and everything
   * else must still be.
   */
  static async open(options: {
    readonly folder: string;
    readonly maxBytes: number;
    readonly log: Logger;
  }): Promise<Outbox> {
    const outbox = new Outbox(options.folder, options.maxBytes, options.log);
    await mkdir(join(options.folder, "damaged"), { recursive: true, mode: 0o700 });
    await outbox.load();
    return outbox;
  }

  private async load(): Promise<void> {
    const names = (await readdir(this.folder)).sort();
    for (const name of names) {
      const path = join(this.folder, name);
      if (name.endsWith(temporarySuffix)) await rm(path, { force: true });
      const number = /^(\d+)\.entry$/.exec(name)?.[1];
      if (number === undefined) continue;
      this.nextNumber = Number(number) + 1;
      await this.loadEntry(path);
    }
    const archives = new Set(
      [...this.stored.values()].flatMap((entry) =>
        entry.workspaceDigest === null ? [] : [archiveBeside(entry.path)],
      ),
    );
    for (const name of names.filter((one) => one.endsWith(".archive"))) {
      const path = join(this.folder, name);
      if (!archives.has(path)) await rm(path, { force: true });
    }
  }

  private async loadEntry(path: string): Promise<void> {
    try {
      const bytes = await readFile(path);
      const { header } = decodeEntry(bytes, path);
      const { id, attemptId, kind, workspaceDigest } = header;
      const archive = workspaceDigest === null ? 0 : (await stat(archiveBeside(path))).size;
      const size = bytes.byteLength + archive;
      this.stored.set(id, { id, attemptId, kind, workspaceDigest, path, bytes: size });
      this.used += size;
    } catch (error) {
      if (!isDamage(error)) throw error;
      await this.setAside(path, error);
    }
  }

  /** Entries in the order in which they were appended. */
  entries(): readonly OutboxEntry[] {
    return [...this.stored.values()];
  }

  /** The entry of that id, undefined if it is not, or no longer, here. */
  entry(id: string): OutboxEntry | undefined {
    return this.stored.get(id);
  }

  /** Bytes on disk, archives included. */
  get usedBytes(): number {
    return this.used;
  }

  /** Whether so much is waiting that a new attempt should not add to it. */
  get isNearlyFull(): boolean {
    return this.used > this.maxBytes * (traceShare / 2);
  }

  /**
   * Keeps an entry. Once this resolves the entry survives the death of process and machine.
   *
   * @throws OutboxFullError when the bound is reached: a quarter of it is kept free for results.
   * @throws OutboxWriteError when the disk refuses it.
   */
  append(entry: NewOutboxEntry): Promise<void> {
    return this.inOrder(() => this.write(entry));
  }

  private async write(entry: NewOutboxEntry): Promise<void> {
    assert(!this.stored.has(entry.id), `outbox entry ${entry.id} was appended twice`);
    const { id, attemptId, kind, workspace } = entry;
    const workspaceDigest = workspace?.digest ?? null;
    const bytes = encodeEntry({ id, attemptId, kind, workspaceDigest }, entry.payload);
    const size = bytes.byteLength + (workspace?.archive.byteLength ?? 0);
    const bound = kind === "trace" ? Math.floor(this.maxBytes * traceShare) : this.maxBytes;
    if (this.used + size > bound) throw new OutboxFullError(size, this.used, bound);
    const path = join(this.folder, `${String(this.nextNumber).padStart(12, "0")}.entry`);
    try {
      if (workspace !== null) await writeDurably(archiveBeside(path), workspace.archive);
      await writeDurably(path, bytes);
    } catch (cause) {
      await rm(archiveBeside(path), { force: true });
      throw new OutboxWriteError(id, cause);
    }
    this.nextNumber += 1;
    this.used += size;
    this.stored.set(id, { id, attemptId, kind, workspaceDigest, path, bytes: size });
  }

  /**
   * The payload of an entry, checked against its digest, and its workspace archive. Null if the
   * entry is gone, or is damaged, in which case it was set aside and logged.
   */
  async read(id: string): Promise<{ payload: Buffer; archive: Buffer | null } | null> {
    const entry = this.stored.get(id);
    if (entry === undefined) return null;
    try {
      const { payload } = decodeEntry(await readFile(entry.path), entry.path);
      if (entry.workspaceDigest === null) return { payload, archive: null };
      const archivePath = archiveBeside(entry.path);
      const archive = await readFile(archivePath);
      if (sha256(archive) !== entry.workspaceDigest) {
        throw new DamagedEntryError(
          archivePath,
          "it does not have the digest that its entry names",
        );
      }
      return { payload, archive };
    } catch (error) {
      // It may have been reported committed, and so removed, while it was being read.
      if (!this.stored.has(id)) return null;
      if (!isDamage(error)) throw error;
      this.stored.delete(id);
      this.used -= entry.bytes;
      await this.setAside(entry.path, error);
      return null;
    }
  }

  /** Lets go of entries, which the coordinator has reported committed. Unknown ids are ignored. */
  remove(ids: readonly string[]): Promise<void> {
    return this.inOrder(async () => {
      for (const id of ids) {
        const entry = this.stored.get(id);
        if (entry === undefined) continue;
        this.stored.delete(id);
        this.used -= entry.bytes;
        await rm(entry.path, { force: true });
        await rm(archiveBeside(entry.path), { force: true });
      }
    });
  }

  private async setAside(path: string, error: unknown): Promise<void> {
    this.log.error({ err: error }, "outbox entry is damaged and was set aside");
    for (const one of [path, archiveBeside(path)]) {
      const to = join(this.folder, "damaged", one.slice(this.folder.length + 1));
      await rename(one, to).catch((cause: unknown) => {
        if (!isAbsent(cause)) throw cause;
      });
    }
  }

  private inOrder<Result>(write: () => Promise<Result>): Promise<Result> {
    const result = this.lastWrite.then(write);
    this.lastWrite = result.catch(() => undefined);
    return result;
  }
}

function archiveBeside(entryPath: string): string {
  return entryPath.replace(/entry$/, "archive");
}

/** An archive that its entry names and that is absent is damage as well. */
function isDamage(error: unknown): boolean {
  return error instanceof DamagedEntryError || isAbsent(error);
}

function isAbsent(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}
