import type { Readable } from "node:stream";

/** A host file or folder and where the sandboxed process sees it. */
export interface Mount {
  readonly host: string;
  readonly inside: string;
}

/** Bounds that the operating system enforces on a sandboxed process and all it starts. */
export interface ProcessLimits {
  /** Address space of each process, in bytes. */
  readonly memoryBytes?: number;
  /** CPU time of each process, in seconds. */
  readonly cpuSeconds?: number;
  /** Largest file that can be written, in bytes. */
  readonly fileBytes?: number;
  readonly openFiles?: number;
}

/**
 * What a sandboxed process can reach: nothing, or the one gateway of its run. Where the platform has
 * network namespaces the gateway listens on a unix socket, elsewhere on a loopback port.
 */
export type Network =
  | { readonly kind: "none" }
  | { readonly kind: "gateway-socket"; readonly socketPath: string; readonly insidePort: number }
  | { readonly kind: "gateway-port"; readonly port: number };

/** A command with everything it may see and reach. */
export interface SandboxRequest {
  /** Program and arguments as seen inside. */
  readonly command: readonly [string, ...string[]];
  /** The complete environment; nothing is inherited. */
  readonly environment: Readonly<Record<string, string>>;
  /** Path as seen inside. */
  readonly workingFolder: string;
  /** Visible beside the system's own toolchain folders, not writable. */
  readonly readOnly: readonly Mount[];
  readonly writable: readonly Mount[];
  readonly network: Network;
  readonly limits: ProcessLimits;
}

/** How a process ended; exactly one of the two is not null. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A command that was started in a sandbox, with all that it starts. */
export interface SandboxedProcess {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /**
   * Settles when the process and everything it started has ended. Rejects with a SandboxError if it
   * could not be started or did not end when killed.
   */
  readonly exited: Promise<ExitStatus>;
  /** Ends the process and everything it started, whatever sessions or groups they moved to. Idempotent, never rejects. */
  kill(): Promise<void>;
}

/** One way of isolating a process. The sandbox of the platform is found by `platform-sandbox.ts`. */
export interface Sandbox {
  /** Backend and profile version as recorded with results, for example `bubblewrap/1`. */
  readonly name: string;
  /** How a run's gateway has to listen so that a process inside can reach it. */
  readonly gatewayTransport: "socket" | "port";
  /**
   * Where a process sees `host` if `preferred` is the wish. Platforms without mount namespaces
   * answer `host` itself.
   */
  insidePath(host: string, preferred: string): string;
  /**
   * Starts a process with nothing on its standard input.
   *
   * @throws SandboxError for what shows at once; all else is told by `exited`.
   */
  start(request: SandboxRequest): SandboxedProcess;
}
