import { processesOf, startStandInLab } from "./stand-in-lab.ts";

/**
 * A process that starts a lab of stand-ins and waits, for tests that kill it.
 * Usage: `lab-parent.ts FOLDER`; prints the process ids as one JSON array.
 */
const lab = await startStandInLab(process.argv[2] ?? "");
process.stdout.write(`${JSON.stringify(processesOf(lab).map(({ pid }) => pid))}\n`);
