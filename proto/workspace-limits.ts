import type { ArchiveLimits } from "./archive.ts";

/**
 * Bounds of a final workspace on its way from the node to the grader. Each station takes more than
 * the one before it sends, so that only what is broken or hostile meets a bound after the first.
 */

const mebibyte = 1024 ** 2;

/** What a node packs; what lies beyond is left out and named in the result. */
export const packedWorkspaceLimits: ArchiveLimits = { files: 20_000, bytes: 48 * mebibyte };

/** Largest archive that the coordinator takes in and keeps, in bytes. */
export const maxWorkspaceArchiveBytes = 64 * mebibyte;

/** What a grader unpacks; a workspace beyond it fails. */
export const gradedWorkspaceLimits: ArchiveLimits = { files: 40_000, bytes: 128 * mebibyte };
