/**
 * A monotonic clock in milliseconds that also counts the time a machine slept. The system's monotonic
 * clock stands still during sleep on some platforms, which would let a woken laptop trust leases that
 * ran out long ago. Wall time passes then, so each reading advances by the larger of the two. A wall
 * clock that is set forward makes leases run out early, which is safe; one set back changes nothing.
 */
export function sleepAwareClock(sources: {
  readonly monotonicMs: () => number;
  readonly wallMs: () => number;
}): () => number {
  let monotonicMs = sources.monotonicMs();
  let wallMs = sources.wallMs();
  let nowMs = 0;
  return () => {
    const nextMonotonicMs = sources.monotonicMs();
    const nextWallMs = sources.wallMs();
    nowMs += Math.max(nextMonotonicMs - monotonicMs, nextWallMs - wallMs, 0);
    monotonicMs = nextMonotonicMs;
    wallMs = nextWallMs;
    return nowMs;
  };
}
