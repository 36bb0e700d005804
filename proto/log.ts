import { type DestinationStream, destination, type Level, type Logger, pino } from "pino";

export type { Logger } from "pino";

/** Accepted values of the setting `logLevel`, most talkative first. */
export const logLevels = ["trace", "debug", "info", "warn", "error"] as const satisfies Level[];
/** See {@link logLevels}. */
export type LogLevel = (typeof logLevels)[number];

const censor = "[redacted]";

/** Fields that never carry anything printable, wherever code puts them: at the top or one object down. */
const secretFields = ["password", "token", "labToken", "apiKey", "authorization", "databaseUrl"];

/** User information of a URL, which database drivers like to quote in error messages. */
const passwordInUrl = /(:\/\/[^\s:/@"]*:)[^\s/@"]+@/g;

/**
 * A function that takes the given secrets and the passwords of URLs out of a text, plain or JSON.
 */
export function redactor(secrets: readonly string[]): (text: string) => string {
  const known = secrets
    .filter((secret) => secret !== "")
    .flatMap((secret) => [secret, JSON.stringify(secret).slice(1, -1)])
    // A secret that contains another must go first, or its remainder would stay readable.
    .sort((left, right) => right.length - left.length);
  return (text) =>
    known
      .reduce((remaining, secret) => remaining.replaceAll(secret, censor), text)
      .replace(passwordInUrl, `$1${censor}@`);
}

/**
 * The root logger of a process: JSON lines to stderr, written before the call returns, so that the
 * last line before a crash is not lost. Components take a child:
 * `log.child({ component: "ingest" })`.
 *
 * Secrets are kept out in three ways, since each has a gap: by field name, by the shape of a URL
 * with a password, and by value for the `secrets` that the configuration holds.
 */
export function createRootLogger(options: {
  readonly name: string;
  readonly level: LogLevel;
  /** Values that must not appear anywhere in a line. */
  readonly secrets: readonly string[];
  /** Where lines go; stderr of this process unless a test reads them. */
  readonly stream?: DestinationStream;
}): Logger {
  return pino(
    {
      name: options.name,
      level: options.level,
      timestamp: () => `,"time":"${new Date().toISOString()}"`,
      redact: {
        paths: secretFields.flatMap((field) => [field, `*.${field}`]),
        censor,
      },
      hooks: { streamWrite: redactor(options.secrets) },
    },
    options.stream ?? destination({ fd: 2, sync: true }),
  );
}
