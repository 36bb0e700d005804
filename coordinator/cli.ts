#!/usr/bin/env node
import { paragraph } from "../proto/error-paragraph.ts";
import { runCli } from "./cli/program.ts";

// The reader of a pipe may have seen enough; that is no failure of ours.
process.stdout.on("error", (error: NodeJS.ErrnoException) => {
  if (error.code !== "EPIPE") throw error;
  process.exit(0);
});

try {
  process.exitCode = await runCli(process.argv.slice(2), {
    stdout: process.stdout,
    stderr: process.stderr,
    environment: process.env,
    folder: process.cwd(),
  });
} catch (error) {
  process.stderr.write(`sweep: ${paragraph(error)}\n`);
  process.exitCode = 1;
}
