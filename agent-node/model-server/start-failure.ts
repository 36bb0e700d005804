import { describeExit } from "../../proto/sandbox/exit-status.ts";
import type { ExitStatus } from "../../proto/sandbox/sandbox.ts";

/**
 * Who has to act on a failure: `model` = the weights are broken or not supported, on any node;
 * `node` = this machine cannot serve them now; `configuration` = the command line or a setting is wrong.
 */
export type Fault = "model" | "node" | "configuration";

/** What ended a server that was starting. A taken port is no fault: another one is tried. */
export type StartFailure =
  | { readonly kind: "port_taken" }
  | { readonly kind: "fault"; readonly fault: Fault; readonly reason: string };

/** Lines that name a cause, the most telling first: a failed load ends with a line that says nothing of why. */
const signs: readonly (readonly [RegExp, Fault, string])[] = [
  [/using config file: (.*)/, "configuration", "a configuration file is in force; remove it"],
  [/invalid argument: |error while handling argument/, "configuration", "a flag was refused"],
  [/not within the file bounds/, "model", "the weights are cut short; copy the file again"],
  [/failed to read magic/, "model", "the weights file is empty or no GGUF"],
  [/failed to open GGUF file/, "model", "a shard of the weights is missing"],
  [/invalid split file name/, "model", "a shard of the weights was renamed"],
  [/unknown model architecture/, "model", "this build does not know the architecture"],
  [
    /failed to initialize the context|failed to allocate|OutOfMemory/,
    "node",
    "context and weights do not fit into memory; ask for less context",
  ],
  [/failed to load model|model loading error/, "model", "the weights cannot be loaded"],
];

/** Finds out from the exit and the last lines of stderr why a server did not start. */
export function explainStartFailure(exit: ExitStatus, lines: readonly string[]): StartFailure {
  if (lines.some((line) => line.includes("couldn't bind HTTP server socket")))
    return { kind: "port_taken" };
  for (const [pattern, fault, meaning] of signs) {
    const line = lines.find((candidate) => pattern.test(candidate));
    if (line !== undefined) return { kind: "fault", fault, reason: `${meaning} (${line.trim()})` };
  }
  const last = lines.at(-1)?.trim() ?? "nothing on stderr";
  return { kind: "fault", fault: "node", reason: `ended with ${describeExit(exit)} (${last})` };
}
