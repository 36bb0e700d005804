/**
 * States of a grade. `queued` waits for its publication, `published` for a grader; the others are
 * ends. A `grader_error` is followed by another grade, as long as tries are left.
 */
export const gradeStates = ["queued", "published", "passed", "failed", "grader_error"] as const;

/** See {@link gradeStates}. */
export type GradeState = (typeof gradeStates)[number];
