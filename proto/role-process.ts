import type { z } from "zod";
import { paragraph } from "./error-paragraph.ts";
import { createRootLogger, type Logger, type LogLevel, redactor } from "./log.ts";
import { ConfigurationError, loadRoleConfig } from "./role-config.ts";

/** A role that has been told to stop and has not stopped after this long is ended with exit code 1. */
const stopLimitMs = 8_000;

/** What a role gets to work with. */
export interface RoleContext<Config> {
  readonly config: Readonly<Config>;
  readonly log: Logger;
  /** Aborted once when the role must stop: SIGTERM, SIGINT, or the parent's death when tethered. */
  readonly signal: AbortSignal;
  /** Says once, as one line on stdout, that the role now serves, with facts a starter needs. */
  readonly ready: (facts?: Readonly<Record<string, string>>) => void;
}

/**
 * Runs one role as this process and ends the process:
 * with 0 when `serve` returned, 1 when it failed or did not stop in time, 2 when the configuration
 * is wrong. A failure leaves one paragraph on stderr.
 *
 * With `SWEEP_TETHERED=1` the role also stops in order when its stdin ends, so that it never
 * outlives the process that started it.
 */
export async function runRole<Config extends { readonly logLevel: LogLevel }>(options: {
  readonly role: "coordinator" | "node" | "grader";
  readonly schema: z.ZodObject & z.ZodType<Config>;
  /** YAML file; without one the environment must say everything. */
  readonly configFile?: string | undefined;
  /** Serves until `signal` aborts, then returns; everything it opened is closed by then. */
  readonly serve: (context: RoleContext<Config>) => Promise<void>;
}): Promise<never> {
  const { role, schema, configFile: file, serve } = options;
  let redact = redactor([]);
  try {
    const { config, secrets } = loadRoleConfig({ schema, file, environment: process.env });
    redact = redactor(secrets);
    const log = createRootLogger({ name: role, level: config.logLevel, secrets });
    const signal = stopSignal(log);
    const ready: RoleContext<unknown>["ready"] = (facts = {}) => {
      process.stdout.write(`ready ${JSON.stringify({ role, ...facts })}\n`);
    };
    log.info("starting");
    await serve({ config, log, signal, ready });
    log.info("stopped");
    return process.exit(0);
  } catch (error) {
    process.stderr.write(`${role}: ${redact(paragraph(error))}\n`);
    return process.exit(error instanceof ConfigurationError ? 2 : 1);
  }
}

function stopSignal(log: Logger): AbortSignal {
  const controller = new AbortController();
  const stop = (reason: string): void => {
    if (controller.signal.aborted) return;
    log.info({ reason }, "stopping");
    setTimeout(() => {
      log.error({ stopLimitMs }, "did not stop in time, exiting");
      process.exit(1);
    }, stopLimitMs).unref();
    controller.abort(new Error(reason));
  };
  process.on("SIGTERM", stop);
  process.on("SIGINT", stop);
  if (process.env["SWEEP_TETHERED"] === "1") {
    process.stdin.once("end", () => stop("stdin ended"));
    process.stdin.once("error", () => stop("stdin failed"));
    process.stdin.resume();
  }
  return controller.signal;
}
