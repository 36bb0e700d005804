const uuidPattern = /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/;
const digestPattern = /^[0-9a-f]{64}$/;

/** Whether `value` can be the identifier of an attempt, a grade, a node or a sweep: a UUID in lower case. */
export function isIdentifier(value: string): boolean {
  return uuidPattern.test(value);
}

/** Whether `value` can be the digest of a task's half or of a workspace: SHA-256 in hexadecimal. */
export function isDigest(value: string): boolean {
  return digestPattern.test(value);
}
