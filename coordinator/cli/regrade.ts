import type { Command } from "commander";
import pRetry from "p-retry";
import {
  type RegradeProgress,
  StartRegradeResponseSchema,
  type WatchRegradesResponse,
  WatchRegradesResponseSchema,
} from "../../proto/gen/sweep/v1/operator_pb.ts";
import { isDisconnection } from "../../proto/rpc/rpc-error.ts";
import { asksCoordinator, command, type OperatorOptions } from "./command.ts";
import { type CliContext, CommandFailure, UsageError } from "./context.ts";
import { type Operator, withOperator } from "./operator-calls.ts";
import { formatTable, printJson } from "./print.ts";
import { reconnection } from "./watch.ts";

/** Thousands of workspaces are queued in one transaction. */
const startLimitMs = 300_000;

interface RegradeOptions extends OperatorOptions {
  readonly task?: string;
  readonly adopt?: boolean;
  readonly wait: boolean;
  readonly last?: boolean;
}

/** `sweep regrade`: stored workspaces graded again. */
export function regradeCommand(context: CliContext): Command {
  return asksCoordinator(
    command({
      usage: "regrade <target>",
      summary: "grade stored workspaces again, with the tasks' present versions",
      description:
        "Grades the stored workspaces of a sweep, or of one run, again: with the versions of their tasks " +
        "that the coordinator finds in its task folders now. Nothing is run again. Both verdicts are kept, " +
        "and what counts stays as it is, unless --adopt is given: then the sweep's cells are of the new " +
        "version, and its verdicts count, once every workspace has one. The command waits and shows what " +
        "changed; it may be ended meanwhile, the grading goes on.",
      examples: [
        ["regrade demo", "all tasks; which verdicts would be others"],
        ["regrade demo --task c1_ring_buffer --adopt", "count the new version of one task"],
        ["regrade 17", "one run"],
        ["regrade demo --last", "what the last regrade brought, or how far it is"],
      ],
    }),
  )
    .option("--task <name>", "only workspaces of this task")
    .option("--adopt", "let the new versions count once every workspace has its verdict")
    .option("--no-wait", "do not wait for the verdicts; --last shows them later")
    .option("--last", "show the regrade that was asked for last; starts none")
    .action((target: string, options: RegradeOptions) => {
      const { task = "", adopt = false, last = false, json = false } = options;
      if (last && (task !== "" || adopt)) {
        throw new UsageError("--last shows what was asked for; it takes no --task and no --adopt");
      }
      return withOperator(options.coordinator, context, async (operator) => {
        let regradeIds: string[] = [];
        if (!last) {
          const started = await operator.startRegrade(
            { target, task, adopt },
            { deadlineMs: startLimitMs },
          );
          regradeIds = started.regradeIds;
          if (!options.wait && json) {
            printJson(context.stdout, StartRegradeResponseSchema, started);
            return;
          }
        }
        const state = await watchRegrades(operator, { regradeIds, target }, options.wait);
        if (json) printJson(context.stdout, WatchRegradesResponseSchema, state);
        else context.stdout.write(formatRegrades(state.regrades, target));
        refuseUnfinished(state.regrades, options.wait);
      });
    });
}

/** The last state, or with `wait` false the first one. Survives a restart of the coordinator. */
async function watchRegrades(
  operator: Operator,
  request: { regradeIds: string[]; target: string },
  wait: boolean,
): Promise<WatchRegradesResponse> {
  let last: WatchRegradesResponse | undefined;
  await pRetry(
    async () => {
      for await (const state of operator.watchRegrades(request)) {
        last = state;
        if (!wait) return;
      }
    },
    {
      ...reconnection,
      // The first failure of all is a refusal rather than a restart.
      shouldRetry: ({ error }) => last !== undefined && isDisconnection(error),
    },
  );
  if (last === undefined) throw new CommandFailure("the coordinator ended; ask with --last");
  return last;
}

function formatRegrades(regrades: readonly RegradeProgress[], target: string): string {
  const rows = regrades.map((regrade) => [
    regrade.task,
    regrade.versionOfCells ? "the one that counts" : regrade.hiddenDigest.slice(0, 12),
    regrade.workspaces,
    regrade.passedToFailed,
    regrade.failedToPassed,
    regrade.unchanged,
    regrade.firstVerdicts,
    regrade.ungraded,
    regrade.open,
  ]);
  const head =
    "task|version|workspaces|passed->failed|failed->passed|unchanged|first verdict|no verdict|open";
  const changes = regrades.flatMap(({ task, changes }) =>
    changes.map((change) => [
      change.runId,
      change.model,
      change.harness,
      task,
      change.seed,
      change.before,
      change.after,
    ]),
  );
  const open = regrades.reduce((sum, regrade) => sum + regrade.open, 0);
  return [
    formatTable(head.split("|"), rows),
    ...(changes.length === 0
      ? []
      : [
          `\n${formatTable(["run", "model", "harness", "task", "seed", "before", "now"], changes)}`,
        ]),
    ...regrades.map(formatConsequence),
    ...(open === 0 ? [] : [`\`sweep regrade ${target} --last\` shows the rest when it has come\n`]),
  ].join("");
}

function formatConsequence(regrade: RegradeProgress): string {
  const { task, adopt, adopted, refusal } = regrade;
  if (adopted) return `${task}: the cells are of this version now, and these verdicts count\n`;
  if (refusal !== "") return `${task}: not adopted, ${refusal}\n`;
  if (adopt) return `${task}: counts as before until every workspace has its verdict\n`;
  return `${task}: counts as before; --adopt would let these verdicts count\n`;
}

function refuseUnfinished(regrades: readonly RegradeProgress[], waited: boolean): void {
  const ungraded = regrades.reduce((sum, regrade) => sum + regrade.ungraded, 0);
  if (!waited || ungraded === 0) return;
  throw new CommandFailure(
    `the grader failed on ${ungraded} ${ungraded === 1 ? "workspace" : "workspaces"}; \`sweep show RUN\` says why`,
  );
}
