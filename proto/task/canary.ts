/** Stands in every hidden file, followed by a UUID of the task or of the collection it belongs to. */
export const canaryPrefix = "harness-sweep-canary-";

/** Finds canaries of hidden files. */
export const canaryPattern = new RegExp(
  `${canaryPrefix}[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}`,
);

/** What stands beside a canary, so that whoever finds one knows what it is. */
export const canaryPurpose = "The canary lets a trace or a training corpus be searched for leaks:";
