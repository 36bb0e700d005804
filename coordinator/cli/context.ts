/** What a command may touch of the process that it runs in; tests pass their own. */
export interface CliContext {
  readonly stdout: Output;
  readonly stderr: Output;
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Working folder, from which relative paths and `.sweep/lab.json` are found. */
  readonly folder: string;
}

/** A stream of text that people or programs read. */
export interface Output {
  write(text: string): unknown;
  readonly isTTY?: boolean;
}

/** The command line or a file it names cannot be used as it is: exit code 2. */
export class UsageError extends Error {
  override readonly name = "UsageError";
}

/** A command that did its work and has bad news: exit code 1. */
export class CommandFailure extends Error {
  override readonly name = "CommandFailure";
}
