import { readFileSync } from "node:fs";

/** A server or a role of the local lab could not be started. The message ends with the last lines of its log. */
export class EmbeddedServerError extends Error {
  constructor(
    server: string,
    problem: string,
    options: ErrorOptions & { readonly logFile?: string },
  ) {
    const { logFile } = options;
    super(
      logFile === undefined
        ? `${server}: ${problem}`
        : `${server}: ${problem}; its log ${logFile} ends with:\n${lastLines(logFile)}`,
      options,
    );
    this.name = "EmbeddedServerError";
  }
}

const shownLines = 5;

function lastLines(file: string): string {
  try {
    return readFileSync(file, "utf8").trimEnd().split("\n").slice(-shownLines).join("\n");
  } catch {
    return "(nothing)";
  }
}
