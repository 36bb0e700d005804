const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;

/** Whether `value` can be the identifier of an attempt, a grade, a node or a sweep: a UUID in lower case. */
export function isIdentifier(value: string): boolean {
  return uuidPattern.test(value);
}
