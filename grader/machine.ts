import type { Sandbox } from "../proto/sandbox/sandbox.ts";
import type { FoundToolchains } from "../proto/toolchains.ts";

/** What scripts of a task and the code they judge run on. */
export interface Machine {
  readonly sandbox: Sandbox;
  readonly toolchains: FoundToolchains;
}
