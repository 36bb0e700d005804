/** Something asked for by name or identifier is not there. */
export class NotFoundError extends Error {
  override readonly name = "NotFoundError";
}

/** What was asked cannot be done as things stand; the message says why and what can. */
export class RefusedError extends Error {
  override readonly name = "RefusedError";
}
