/**
 * What makes two numbers comparable. Two cells with the same identity measure the same thing; the
 * results of cells that differ in it are never averaged silently. This is the part that is known
 * when a sweep is submitted; what only a node knows (weights by content, builds, harness versions)
 * is recorded with each attempt.
 *
 * Seeds are no part of it: they label repetitions of one cell. Retries are not either, since an
 * infrastructure failure never counts.
 */
import { sha256 } from "../proto/digest.ts";
import type { Cell } from "./matrix.ts";
import type { Determinism, SandboxMode } from "./sweep-file/definition.ts";

/** The content of a task, by the SHA-256 (hexadecimal) of its two halves. */
export interface TaskVersion {
  readonly publicDigest: string;
  readonly hiddenDigest: string;
}

/** Named facts of a cell, sorted by name; null is "left to the server's pinned default". */
export type CellIdentity = readonly (readonly [field: string, value: string | number | null])[];

/** One fact in which two identities differ. */
export interface IdentityDifference {
  readonly field: string;
  readonly left: string | number | null;
  readonly right: string | number | null;
}

/** Raised whenever the list of facts or their spelling changes, so that digests never collide. */
const identityVersion = 2;

/** What a sweep declares for all its cells. */
export interface SweepTerms {
  readonly determinism: Determinism;
  readonly sandbox: SandboxMode;
  /** An agent that reads a decoy behaves otherwise than one that finds nothing. */
  readonly decoy: boolean;
}

/** The identity of a cell whose task has the given content. */
export function identityOf(cell: Cell, terms: SweepTerms, taskVersion: TaskVersion): CellIdentity {
  const { model, sampling, limits } = cell;
  return Object.entries({
    // Named only where there is one, so that cells without stay what they were.
    ...(terms.decoy ? { decoy: "planted" } : {}),
    determinism: terms.determinism,
    harness: cell.harness,
    "limits.output_tokens": limits.outputTokens,
    "limits.turns": limits.turns,
    "limits.wall_seconds": limits.wallSeconds,
    model: model.label,
    "model.chat_template_path": model.chatTemplatePath,
    "model.context_tokens": model.contextTokens,
    // The key's name, the price and the rate limit change nothing of what is measured.
    "model.hosted_api": model.hosted?.api ?? null,
    "model.hosted_model": model.hosted?.model ?? null,
    "model.hosted_url": model.hosted?.url ?? null,
    "model.kind": model.kind,
    "model.path": model.path,
    "sampling.min_p": sampling.minP ?? null,
    "sampling.temperature": sampling.temperature ?? null,
    "sampling.top_k": sampling.topK ?? null,
    "sampling.top_p": sampling.topP ?? null,
    sandbox: terms.sandbox,
    task: cell.task,
    "task.hidden_digest": taskVersion.hiddenDigest,
    "task.public_digest": taskVersion.publicDigest,
  });
}

/** The identity as text, equal exactly for equal identities: JSON, one fact a line, sorted. */
export function canonicalForm(identity: CellIdentity): string {
  const facts = identity.toSorted(([a], [b]) => (a < b ? -1 : 1));
  return [["identity", identityVersion], ...facts].map((fact) => JSON.stringify(fact)).join("\n");
}

/** SHA-256, in hexadecimal, of the canonical form. */
export function identityDigest(identity: CellIdentity): string {
  return sha256(canonicalForm(identity));
}

/** The facts in which two identities differ; none exactly if their digests are equal. */
export function differencesBetween(left: CellIdentity, right: CellIdentity): IdentityDifference[] {
  const [leftFacts, rightFacts] = [new Map(left), new Map(right)];
  return [...new Set([...leftFacts.keys(), ...rightFacts.keys()])].flatMap((field) => {
    const difference = {
      field,
      left: leftFacts.get(field) ?? null,
      right: rightFacts.get(field) ?? null,
    };
    return difference.left === difference.right ? [] : [difference];
  });
}
