import { createRootLogger, type Logger } from "../../proto/log.ts";

/** A logger whose lines go nowhere, for tests that are not about logging. */
export const silentLog: Logger = createRootLogger({
  name: "test",
  level: "error",
  secrets: [],
  stream: { write: () => {} },
});
