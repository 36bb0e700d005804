import type { Duplex, Readable, Writable } from "node:stream";

/** A host file or folder and where the sandboxed process sees it. */
export interface Mount {
  readonly host: string;
  readonly inside: string;
}

/**
 * Bounds on a sandboxed process and all it starts. The operating system holds each process to those of
 * {@link ProcessLimits}; a watch adds up what all of them use and ends the sandbox at those of {@link TotalLimits}.
 */
export interface SandboxLimits extends ProcessLimits, TotalLimits {}

/** Bounds on each process by itself. */
export interface ProcessLimits {
  /** Address space, in bytes. */
  readonly addressSpaceBytes?: number;
  /** CPU time, in seconds. */
  readonly cpuSeconds?: number;
  /** Largest file that can be written, in bytes. */
  readonly fileBytes?: number;
  readonly openFiles?: number;
}

/** Bounds on all processes of a sandbox together. */
export interface TotalLimits {
  /** Memory in use, file systems in memory included, in bytes. */
  readonly memoryBytes?: number;
  readonly processes?: number;
  /** Bytes in all writable folders. */
  readonly writtenBytes?: number;
  /** Files and folders in all writable folders. */
  readonly files?: number;
}

/** A limit of the whole sandbox that was exceeded, which ended it. */
export interface ExceededLimit {
  readonly limit: keyof TotalLimits;
  readonly allowed: number;
  readonly found: number;
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
  readonly limits: SandboxLimits;
  /** Gives the process a standard input to write to; without it there is nothing on it. */
  readonly withInput?: boolean;
  /** Gives the process a socket of its own to this one, at {@link channelDescriptor}. */
  readonly withChannel?: boolean;
}

/** File descriptor of the channel inside, for a request that asks for one. */
export const channelDescriptor = 5;

/** How a process ended; exactly one of the two is not null. */
export interface ExitStatus {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

/** A command that was started in a sandbox, with all that it starts. */
export interface SandboxedProcess {
  readonly stdout: Readable;
  readonly stderr: Readable;
  /** Standard input, null unless the request asked for it. */
  readonly input: Writable | null;
  /** Ends when the last process inside that has it closes it; null unless the request asked for it. */
  readonly channel: Duplex | null;
  /**
   * Settles when the process and everything it started has ended. Rejects with a SandboxError if it
   * could not be started or did not end when killed.
   */
  readonly exited: Promise<ExitStatus>;
  /** Resolves, before the processes are ended, when they exceed a limit together; stays open otherwise. */
  readonly exceeded: Promise<ExceededLimit>;
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
   * Starts a process.
   *
   * @throws SandboxError for what shows at once; all else is told by `exited`.
   */
  start(request: SandboxRequest): SandboxedProcess;
}
