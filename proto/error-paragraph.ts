/**
 * An error with its causes, outermost first, as one paragraph without stack traces. A cause whose
 * words its error repeats is left out.
 */
export function paragraph(error: unknown): string {
  if (!(error instanceof Error)) return String(error);
  const below = [
    ...(error instanceof AggregateError ? error.errors.map(paragraph) : []),
    ...(error.cause === undefined ? [] : [paragraph(error.cause)]),
  ].filter((part) => !repeats(error.message, part));
  return [error.message, ...below].filter((part) => part !== "").join(": ");
}

/** Whether `part` stands in `message` in whole words: letters within a word are no repetition. */
function repeats(message: string, part: string): boolean {
  const around = message.split(part);
  return around.some((before, index) => {
    const after = around[index + 1];
    return after !== undefined && !/\w$/.test(before) && !/^\w/.test(after);
  });
}
