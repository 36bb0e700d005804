import { randomBytes, randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdir, readFile, rm } from "node:fs/promises";
import { connect, createServer, type Server } from "node:net";
import { join } from "node:path";
import { z } from "zod";
import { writeDurably } from "./outbox/entry-file.ts";

/** The data folder cannot serve as a node's home. */
export class DataFolderError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options);
    this.name = "DataFolderError";
  }
}

/** Socket paths may have 103 bytes on macOS; names inside the data folder need up to 20 of them. */
const maxFolderBytes = 80;

/**
 * Who this node is, across restarts: a UUID in `node-id` of its data folder, readable by its owner
 * alone, made on the first start.
 *
 * @throws DataFolderError when the file is there and holds something else: making a new identity
 *   silently would leave the old one's outbox and leases behind.
 */
export async function readNodeId(dataFolder: string): Promise<string> {
  const path = join(dataFolder, "node-id");
  let text: string;
  try {
    text = await readFile(path, "utf8");
  } catch (cause) {
    if (!(cause instanceof Error && "code" in cause && cause.code === "ENOENT")) {
      throw new DataFolderError(`the node's identity in ${path} cannot be read`, { cause });
    }
    const nodeId = randomUUID();
    await writeDurably(path, Buffer.from(`${nodeId}\n`));
    return nodeId;
  }
  const parsed = z.uuid().safeParse(text.trim());
  if (parsed.success) return parsed.data;
  throw new DataFolderError(
    `${path} is damaged: found ${JSON.stringify(text.slice(0, 60))}, accepted is one UUID. ` +
      "Restore it, or delete it to join the lab as a new node",
  );
}

/**
 * Makes the data folder and holds it for this process, so that two nodes never share one. The lock is
 * a listening unix socket: it is gone when its process is, however that ended, and no process id has
 * to be trusted. Ends with `release`.
 *
 * @throws DataFolderError when another process holds it or the folder cannot be used.
 */
export async function lockDataFolder(
  dataFolder: string,
): Promise<{ release: () => Promise<void> }> {
  const bytes = Buffer.byteLength(dataFolder);
  if (bytes > maxFolderBytes) {
    throw new DataFolderError(
      `the path of the data folder ${dataFolder} has ${bytes} bytes; accepted are ${maxFolderBytes}, ` +
        "since sockets lie in it. Set SWEEP_DATA to a shorter path",
    );
  }
  const path = join(dataFolder, "lock");
  try {
    await mkdir(dataFolder, { recursive: true, mode: 0o700 });
  } catch (cause) {
    throw new DataFolderError(`the data folder ${dataFolder} cannot be made`, { cause });
  }
  if ((await answerOf(path)) !== null) throw heldElsewhere(dataFolder);
  await rm(path, { force: true });
  const token = randomBytes(8).toString("hex");
  const server = await listen(path, token);
  // Of two that found the same stale socket, the later replaced the earlier one's.
  if ((await answerOf(path)) !== token) {
    server.close();
    throw heldElsewhere(dataFolder);
  }
  return {
    release: async () => {
      server.close();
      await once(server, "close");
    },
  };
}

function heldElsewhere(dataFolder: string): DataFolderError {
  return new DataFolderError(
    `another node works in the data folder ${dataFolder}. Stop it, or give each node its own SWEEP_DATA`,
  );
}

async function listen(path: string, token: string): Promise<Server> {
  const server = createServer((socket) => {
    socket.on("error", () => socket.destroy());
    socket.end(token);
  });
  server.listen(path);
  try {
    await once(server, "listening");
  } catch (cause) {
    throw new DataFolderError(`the data folder cannot be locked by ${path}`, { cause });
  }
  server.unref();
  return server;
}

/** What the holder of the lock at `path` says, null if nobody holds it. */
async function answerOf(path: string): Promise<string | null> {
  const socket = connect(path);
  let answer = "";
  try {
    socket.setEncoding("utf8");
    for await (const part of socket) answer += String(part);
    return answer;
  } catch {
    return null;
  }
}
