import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { sha256 } from "../../proto/digest.ts";

/** An account of the operating system. */
export interface Account {
  readonly name: string;
  readonly uid: number;
  readonly gid: number;
}

/** Accounts that exist for what needs no rights, best first. */
const candidates = ["postgres", "nobody", "daemon"] as const;

/**
 * The account under which root runs a program that refuses to run as root; undefined when there is
 * no suitable one.
 *
 * @param passwd text of /etc/passwd.
 */
export function unprivilegedAccount(passwd: string): Account | undefined {
  const accounts = passwd.split("\n").map((line) => line.split(":"));
  for (const candidate of candidates) {
    const [name, , uid, gid] = accounts.find(([name]) => name === candidate) ?? [];
    if (name !== undefined && Number(uid) > 0) return { name, uid: Number(uid), gid: Number(gid) };
  }
  return undefined;
}

/** {@link unprivilegedAccount} of this machine, or undefined when this process is not root. */
export function accountBesideRoot(): Account | undefined {
  if (process.getuid?.() !== 0) return undefined;
  const account = unprivilegedAccount(readFileSync("/etc/passwd", "utf8"));
  if (account === undefined) {
    throw new Error(
      `none of the accounts ${candidates.join(", ")} exists; run as a user other than root`,
    );
  }
  return account;
}

/** Whether any account may reach what lies in `folder`: each folder above it and itself is open to search. */
export function isOpenToAll(folder: string): boolean {
  for (let current = folder; ; current = dirname(current)) {
    if ((statSync(current).mode & 0o001) === 0) return false;
    if (current === dirname(current)) return true;
  }
}

/**
 * Folder of root's that other accounts can reach, for what belongs to `folder` when `folder` itself
 * cannot be reached by them, as anything under /root. The same folder gives the same place.
 */
export function placeOutside(folder: string): string {
  return join("/var/lib/harness-sweep", sha256(folder).slice(0, 12));
}
