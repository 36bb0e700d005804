/** Starts a scripted model and prints its address; a test kills this process and looks for the server. */
import { pino } from "pino";
import { startModelServer } from "../../agent-node/model-server.ts";

const [weightsPath = "", stateFolder = ""] = process.argv.slice(2);
const server = await startModelServer({
  model: { name: "m", kind: "scripted", contextTokens: 8192, sampling: {} },
  weightsPath,
  stateFolder,
  signal: new AbortController().signal,
  log: pino({ enabled: false }),
});
process.stdout.write(server.baseUrl);
setInterval(() => {}, 60_000);
