/**
 * Names on NATS, in one place, with who publishes and who consumes.
 *
 * | subject or bucket          | publishes     | consumes                                     |
 * | -------------------------- | ------------- | -------------------------------------------- |
 * | sweep.node.NAME.trace      | node NAME     | coordinator (ingest): TraceChunk             |
 * | sweep.node.NAME.result     | node NAME     | coordinator (ingest): AttemptResult          |
 * | sweep.grader.NAME.verdict  | grader NAME   | coordinator (ingest): GradeVerdict           |
 * | sweep.grade.job            | coordinator   | graders, one of them each: GradeJob          |
 * | bucket tasks-public        | coordinator   | nodes, graders: public halves by digest      |
 * | bucket tasks-hidden        | coordinator   | graders alone: hidden halves by digest       |
 * | bucket workspaces-NAME     | node NAME     | coordinator, which deletes after its commit  |
 * | bucket workspaces          | coordinator   | graders: final workspaces by digest          |
 *
 * A name of a node or grader is one NATS token of lower-case letters, digits and hyphens
 * (`nodeNamePattern`), so that permissions can be written per node.
 */
export const nodeNamePattern = /^[a-z0-9](?:[a-z0-9-]{0,38}[a-z0-9])?$/;

/** Stream of everything that nodes and graders report; one durable consumer, the ingest. */
export const eventStream = "SWEEP_EVENTS";
/** Subjects of {@link eventStream}. */
export const eventSubjects = [
  "sweep.node.*.trace",
  "sweep.node.*.result",
  "sweep.grader.*.verdict",
] as const;
/** Durable consumer of {@link eventStream}, the coordinator's. */
export const ingestConsumer = "ingest";

/** Work queue of grade jobs. */
export const gradeJobStream = "SWEEP_GRADE_JOBS";
/** The one subject of {@link gradeJobStream}. */
export const gradeJobSubject = "sweep.grade.job";
/** Durable consumer of {@link gradeJobStream} that all graders share. */
export const gradersConsumer = "graders";

/** Object store bucket of public task halves, named by digest. */
export const publicTaskBucket = "tasks-public";
/** Object store bucket of hidden task halves, named by digest; closed to nodes. */
export const hiddenTaskBucket = "tasks-hidden";
/** Object store bucket of workspaces that await grading, named by digest. */
export const gradingBucket = "workspaces";

/** Subject on which node `nodeName` publishes trace chunks. */
export const traceSubject = (nodeName: string): string => `sweep.node.${nodeName}.trace`;
/** Subject on which node `nodeName` publishes attempt results. */
export const resultSubject = (nodeName: string): string => `sweep.node.${nodeName}.result`;
/** Subject on which grader `graderName` publishes verdicts. */
export const verdictSubject = (graderName: string): string => `sweep.grader.${graderName}.verdict`;
/** Bucket into which node `nodeName` puts final workspaces; one a node, since objects cannot be permitted by prefix. */
export const nodeWorkspaceBucket = (nodeName: string): string => `workspaces-${nodeName}`;
/** Stream in which the client library keeps a bucket's objects. */
export const bucketStream = (bucket: string): string => `OBJ_${bucket}`;
/** Inbox prefix of a client, so that its replies can be permitted to it alone. */
export const inboxPrefix = (clientName: string): string => `_INBOX_${clientName}`;

/** Largest payload of one message; larger things go to the object store. The server's default limit is 1 MiB. */
export const maxMessageBytes = 512 * 1024;
