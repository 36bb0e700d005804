/** The sandbox itself failed: it is missing, could not be set up, or would not end. Never the command's fault. */
export class SandboxError extends Error {
  override readonly name = "SandboxError";
}
