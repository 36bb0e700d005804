import { readFileSync } from "node:fs";

/** A process as nothing else can be: its id may be given to another one later, its start time not. */
export interface ProcessIdentity {
  readonly pid: number;
  /** Clock ticks between the start of the system and that of the process, as the kernel writes them. */
  readonly startTicks: string;
}

/** The process that has this id now, undefined if none has or it is a zombie. Linux only. */
export function identifyProcess(pid: number): ProcessIdentity | undefined {
  let stat: string;
  try {
    stat = readFileSync(`/proc/${pid}/stat`, "utf8");
  } catch {
    return undefined;
  }
  // The second field is the program's name in parentheses and may itself hold any character.
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  const [state, startTicks] = [fields[0], fields[19]];
  if (state === "Z" || state === "X" || startTicks === undefined) return undefined;
  return { pid, startTicks };
}

/** Whether that very process still runs. A zombie has ended: only its parent has yet to hear of it. */
export function isAlive(process: ProcessIdentity): boolean {
  return identifyProcess(process.pid)?.startTicks === process.startTicks;
}
