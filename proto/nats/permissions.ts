import {
  bucketStream,
  eventStream,
  gradeJobStream,
  gradeJobSubject,
  gradersConsumer,
  gradingBucket,
  hiddenTaskBucket,
  inboxPrefix,
  nodeWorkspaceBucket,
  publicTaskBucket,
  resultSubject,
  traceSubject,
  verdictSubject,
} from "../subjects.ts";

/**
 * Who may do what on NATS, as lists for the server's configuration. Everything not listed is denied.
 *
 * | user          | may                                                                           |
 * | ------------- | ----------------------------------------------------------------------------- |
 * | coordinator   | manage streams, consumers, buckets; consume events; publish grade jobs         |
 * | node-NAME     | publish NAME's subjects; put to and ask about NAME's bucket; get public halves  |
 * | grader-NAME   | take grade jobs; get task halves and workspaces; publish NAME's verdicts        |
 *
 * JetStream turns permissions inside out: whoever may create a consumer, or fetch a message
 * directly, chooses the subject on which the server then publishes the stored bytes, unchecked. A
 * client must therefore never have either right on a stream whose content it controls, else it could
 * speak in another's name. So a node gets no consumer and no direct get on its own bucket, and
 * consumers exist for it only on the bucket of public halves, which it cannot write.
 */
export interface NatsPermissions {
  /** Subjects the user may publish to. */
  readonly publish: readonly string[];
  /** Subjects the user may subscribe to. */
  readonly subscribe: readonly string[];
}

/** NATS user of the coordinator. */
export const coordinatorUser = "coordinator";
/** NATS user of node `nodeName`. */
export const nodeUser = (nodeName: string): string => `node-${nodeName}`;
/** NATS user of grader `graderName`. */
export const graderUser = (graderName: string): string => `grader-${graderName}`;

/** Permissions of the coordinator: everything but speaking for nodes and graders. */
export function coordinatorPermissions(): NatsPermissions {
  return {
    publish: [gradeJobSubject, "$JS.API.>", `$JS.ACK.${eventStream}.>`, "$JS.FC.>", "$O.>"],
    subscribe: ownInboxes(coordinatorUser),
  };
}

/** Permissions of node `nodeName`. The hidden halves, other nodes and all streams are closed to it. */
export function nodePermissions(nodeName: string): NatsPermissions {
  return {
    publish: [
      accountInfo,
      streamNames,
      traceSubject(nodeName),
      resultSubject(nodeName),
      ...putToBucket(nodeWorkspaceBucket(nodeName)),
      ...getFromBucket(publicTaskBucket),
    ],
    subscribe: ownInboxes(nodeUser(nodeName)),
  };
}

/** Permissions of grader `graderName`, which shares one consumer of grade jobs with all graders. */
export function graderPermissions(graderName: string): NatsPermissions {
  return {
    publish: [
      accountInfo,
      streamNames,
      verdictSubject(graderName),
      `$JS.API.CONSUMER.INFO.${gradeJobStream}.${gradersConsumer}`,
      `$JS.API.CONSUMER.MSG.NEXT.${gradeJobStream}.${gradersConsumer}`,
      `$JS.ACK.${gradeJobStream}.${gradersConsumer}.>`,
      ...[publicTaskBucket, hiddenTaskBucket, gradingBucket].flatMap(getFromBucket),
    ],
    subscribe: ownInboxes(graderUser(graderName)),
  };
}

/** Whether JetStream is there, and totals of the account; asked when connecting and opening a bucket. */
const accountInfo = "$JS.API.INFO";
/** Names of streams, no more: the client library looks up the stream of each object that it gets. */
const streamNames = "$JS.API.STREAM.NAMES";

const ownInboxes = (user: string): string[] => [`${inboxPrefix(user)}.>`];

/** Looking the bucket up, and one object's description in it. */
const askBucket = (bucket: string): string[] => [
  `$JS.API.STREAM.INFO.${bucketStream(bucket)}`,
  `$JS.API.STREAM.MSG.GET.${bucketStream(bucket)}`,
];

/** Chunks and descriptions; the purge takes back the chunks of a put that failed half-way. */
const putToBucket = (bucket: string): string[] => [
  ...askBucket(bucket),
  `$O.${bucket}.C.*`,
  `$O.${bucket}.M.*`,
  `$JS.API.STREAM.PURGE.${bucketStream(bucket)}`,
];

/** Objects are read through a short-lived ordered consumer, which answers flow control. */
const getFromBucket = (bucket: string): string[] => [
  ...askBucket(bucket),
  `$JS.API.CONSUMER.CREATE.${bucketStream(bucket)}`,
  `$JS.FC.${bucketStream(bucket)}.>`,
];
