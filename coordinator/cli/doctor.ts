import type { Command } from "commander";
import { PROGRAM_VERSION } from "../../proto/version.ts";
import { asksCoordinator, command, type OperatorOptions } from "./command.ts";
import { type CliContext, CommandFailure } from "./context.ts";
import { checkSandbox } from "./doctor-sandbox.ts";
import { type Finding, formatFindings } from "./finding.ts";
import { dataFolderOf } from "./folders.ts";
import { harnessFindings } from "./harness-findings.ts";
import { findLab } from "./lab-address.ts";
import { llamaServerFinding } from "./llama-server-finding.ts";
import { modelFindings } from "./model-findings.ts";
import { withOperatorAt } from "./operator-calls.ts";
import { safeJson } from "./safe-text.ts";
import { toolchainFindings } from "./toolchain-findings.ts";

/** The oldest Node.js this program runs on, as package.json has it. */
const oldestNode = { major: 20, minor: 19 };

/** `sweep doctor`: what this machine has, and what it lacks. */
export function doctorCommand(context: CliContext): Command {
  return asksCoordinator(
    command({
      usage: "doctor",
      summary: "say what this machine has and lacks",
      description:
        "Looks at this machine and at the connection to the coordinator, and says of each thing whether " +
        "it is in order, and if not, what to do. Ends with 1 if something is faulty.",
      examples: [
        ["doctor", "look at everything"],
        ["doctor --sandbox", "try to escape from this machine's sandbox"],
      ],
    }).option("--sandbox", "make the attempts of the escape suite instead"),
  ).action(async (options: OperatorOptions & { readonly sandbox?: boolean }) => {
    if (options.sandbox) return checkSandbox(context, options);
    const findings = [
      nodeFinding(process.versions.node),
      ...(await programFindings(context)),
      ...(await toolchainFindings(context)),
      ...(await harnessFindings(context)),
      await llamaServerFinding(context),
      ...(await modelFindings(context)),
      await coordinatorFinding(options.coordinator, context),
    ];
    if (options.json) context.stdout.write(`${safeJson({ findings }, 2)}\n`);
    else context.stdout.write(formatFindings(findings));
    const faults = findings.filter(({ state }) => state === "fault").length;
    if (faults > 0) throw new CommandFailure(`${faults} of ${findings.length} are not in order`);
  });
}

function nodeFinding(version: string): Finding {
  const [major = 0, minor = 0] = version.split(".").map(Number);
  const isNewEnough =
    major > oldestNode.major || (major === oldestNode.major && minor >= oldestNode.minor);
  return {
    what: "Node.js",
    state: isNewEnough ? "ok" : "fault",
    detail: version,
    remedy: isNewEnough ? "" : `install ${oldestNode.major}.${oldestNode.minor} or newer`,
  };
}

async function programFindings(context: CliContext): Promise<Finding[]> {
  const { checkRequirements } = await import("../../deploy/provision/requirements.ts");
  const { isToolchainName } = await import("../../proto/toolchain/manifest.ts");
  const { environment } = context;
  const dataFolder = dataFolderOf(context);
  const states = await checkRequirements({ platform: process.platform, dataFolder, environment });
  const others = states.filter(({ name }) => !isToolchainName(name));
  return others.map(({ name, neededFor, howToGet, found }) => ({
    what: name,
    state: found === undefined ? "absent" : "ok",
    detail: found === undefined ? `needed ${neededFor}` : `${found.version} (${found.path})`,
    remedy: found === undefined ? howToGet : "",
  }));
}

async function coordinatorFinding(
  option: string | undefined,
  context: CliContext,
): Promise<Finding> {
  const what = "coordinator";
  const lab = findLab(option, context);
  if (lab === undefined) {
    return {
      what,
      state: "absent",
      detail: "none is named",
      remedy: "`sweep dev` starts a lab; --coordinator names one",
    };
  }
  const place = `${lab.coordinator} (from ${lab.source})`;
  try {
    const { nodes, programVersion: version } = await withOperatorAt(lab, (operator) =>
      operator.listNodes({}),
    );
    const connected = nodes.filter((node) => node.connected);
    const others = connected.filter(({ programVersion }) => programVersion !== PROGRAM_VERSION);
    if (version !== PROGRAM_VERSION) {
      return {
        what,
        state: "fault",
        detail: `${place} is harness-sweep ${version}, this is ${PROGRAM_VERSION}`,
        remedy: "install the same version on both",
      };
    }
    return {
      what,
      state: others.length === 0 ? "ok" : "fault",
      detail: `${place} (${version}) answers, ${connected.length} of ${nodes.length} nodes connected`,
      remedy:
        others.length === 0
          ? ""
          : `install version ${PROGRAM_VERSION} on ${others.map(({ name }) => name).join(", ")}`,
    };
  } catch (error) {
    if (!(error instanceof Error)) throw error;
    return { what, state: "fault", detail: place, remedy: error.message };
  }
}
