/**
 * Runs inside a sandbox, before the command: `node bridge.mjs SOCKET PORT COMMAND...`
 *
 * A sandbox with its own network namespace reaches nothing but its own loopback. The bridge listens
 * there on PORT and joins each connection with one to the unix socket SOCKET, on which the run's
 * gateway listens outside. It starts the command when it listens, and ends as the command ends, with
 * 128 + n for signal n as shells and bubblewrap have it. It may import nothing outside Node, since
 * nothing else is mounted.
 */
import { spawn } from "node:child_process";
import { connect, createServer, type Socket } from "node:net";
import { constants } from "node:os";

const [socketPath, port, program, ...programArguments] = process.argv.slice(2);
if (socketPath === undefined || port === undefined || program === undefined) {
  process.stderr.write("usage: bridge SOCKET PORT COMMAND...\n");
  process.exit(2);
}

/** As shells answer for a command that is not there. */
const notFoundCode = 127;

const server = createServer({ allowHalfOpen: true }, (inner) => {
  const outer = connect({ path: socketPath, allowHalfOpen: true });
  join(inner, outer);
  join(outer, inner);
});

server.listen(Number(port), "127.0.0.1", () => {
  const child = spawn(program, programArguments, { stdio: "inherit" });
  child.on("error", (error) => {
    process.stderr.write(`cannot start ${program}: ${error.message}\n`);
    process.exit(notFoundCode);
  });
  child.on("exit", (code, signal) => {
    process.exit(signal === null ? (code ?? 0) : 128 + constants.signals[signal]);
  });
});

function join(from: Socket, to: Socket): void {
  from.pipe(to);
  from.on("error", () => to.destroy());
  from.on("close", (hadError) => {
    if (hadError) to.destroy();
  });
}
