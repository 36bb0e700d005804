import { readFileSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import getPort from "get-port";

/** Embedded servers are for this machine alone. */
export const loopback = "127.0.0.1";

/**
 * The port of a server on the loopback interface: free when first asked for, then the same at every
 * start, so that clients find the server again. A port that somebody else took in the meantime is
 * given up for a new one.
 *
 * @param file where the port is remembered.
 */
export async function keptPort(file: string): Promise<number> {
  const kept = rememberedPort(file);
  if (kept !== undefined && (await isFree(kept))) return kept;
  const port = await getPort({ host: loopback });
  writeFileSync(file, `${port}\n`);
  return port;
}

function rememberedPort(file: string): number | undefined {
  try {
    const port = Number(readFileSync(file, "utf8"));
    return Number.isInteger(port) && port > 0 && port < 65_536 ? port : undefined;
  } catch {
    return undefined;
  }
}

/** Whether a server could listen on this port of the loopback interface now. */
export function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen(port, loopback, () => probe.close(() => resolve(true)));
  });
}
