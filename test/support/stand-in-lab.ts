import { join } from "node:path";
import { type LocalLab, startLocalLab } from "../../deploy/local-lab.ts";
import { packageRoot } from "../../proto/package-root.ts";
import { silentLog } from "./silent-log.ts";

/** A real lab in `dataFolder` with two nodes, whose roles are stand-ins that behave as told. */
export function startStandInLab(
  dataFolder: string,
  options: { readonly nodes?: "serve" | "hang" | "fail"; readonly signal?: AbortSignal } = {},
): Promise<LocalLab> {
  return startLocalLab({
    dataFolder,
    nodes: 2,
    settings: { coordinator: {}, grader: {}, node: { behaviour: options.nodes } },
    program: [
      process.execPath,
      "--import",
      import.meta.resolve("tsx"),
      join(packageRoot, "test/support/stand-in-role.ts"),
    ],
    log: silentLog,
    signal: options.signal ?? new AbortController().signal,
  });
}

/** Every process of a lab. */
export function processesOf({ postgres, nats, coordinator, grader, nodes }: LocalLab) {
  return [postgres, nats, coordinator, grader, ...nodes];
}
