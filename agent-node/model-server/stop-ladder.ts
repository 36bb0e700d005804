import { setTimeout as delay } from "node:timers/promises";
import type { ExitStatus } from "../../proto/sandbox/sandbox.ts";

/**
 * Ends a server that may not heed its first signal: llama-server waits for connected clients, and a
 * signal in the very moment of becoming ready can be lost. SIGTERM, after `patience.firstMs` a second
 * SIGTERM (which llama-server takes as "at once"), after `patience.secondMs` SIGKILL. Settles when
 * the process has ended.
 */
export async function stopByLadder(
  server: { kill(signal: NodeJS.Signals): void; readonly exited: Promise<ExitStatus> },
  patience: { readonly firstMs: number; readonly secondMs: number },
): Promise<ExitStatus> {
  server.kill("SIGTERM");
  if (await endsWithin(server.exited, patience.firstMs)) return server.exited;
  server.kill("SIGTERM");
  if (await endsWithin(server.exited, patience.secondMs)) return server.exited;
  server.kill("SIGKILL");
  return server.exited;
}

async function endsWithin(exited: Promise<ExitStatus>, ms: number): Promise<boolean> {
  const over = new AbortController();
  const timer = delay(ms, false, { signal: over.signal }).catch(() => false);
  const ended = await Promise.race([exited.then(() => true), timer]);
  over.abort();
  return ended;
}
