import type { Python } from "../../proto/toolchain/find-python.ts";

/** Installs the packages of a harness from a lockfile that holds a digest of each. */
export interface PackageInstaller {
  /** Name of the lockfile in the harness's folder below `installed/`, by which its installer is known. */
  readonly lockfile: string;
  /** The one version of the harness that the files in `lockfileFolder` allow. */
  pinnedVersion(lockfileFolder: string): Promise<string>;
  /**
   * Installs into `folder`, which is empty and will be moved; answers the Python that it needs.
   *
   * @throws InstallationError
   */
  install(options: {
    readonly name: string;
    readonly lockfileFolder: string;
    readonly folder: string;
    readonly signal: AbortSignal;
  }): Promise<Python | null>;
}
