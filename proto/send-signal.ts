/** Signals a process, or a group if `pid` is negative. That it is gone already is fine. */
export function sendSignal(pid: number | undefined, signal: NodeJS.Signals): void {
  if (pid === undefined) return;
  try {
    process.kill(pid, signal);
  } catch {
    // It ended between the caller's look and this call, which is what was wanted.
  }
}
