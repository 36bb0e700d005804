import { join } from "node:path";
import { sha256 } from "../../proto/digest.ts";
import { type Harness, preferredPaths } from "./harness.ts";

/**
 * SHA-256, in hexadecimal, of how a harness is driven: its arguments, environment and configuration
 * files. Instruction, gateway, search path and the paths of the machine are left out by putting fixed
 * ones in their place, so that two digests are equal exactly if the same adapter prepared a run for
 * the same context, on whatever node.
 */
export function configDigest(harness: Harness, contextTokens: number): string {
  const { workspace, home, temporary, installation, node } = preferredPaths;
  const { command, environment, configFiles } = harness.prepare({
    workspace,
    home,
    temporary,
    installation: { host: installation, inside: installation },
    node: { host: node, inside: node },
    gatewayUrl: "http://127.0.0.1",
    contextTokens,
    instruction: "instruction",
    searchPath: "/usr/bin:/bin",
  });
  const sorted = (values: Readonly<Record<string, string>>) =>
    Object.entries(values).sort(([one], [other]) => (one < other ? -1 : 1));
  // Its path names the platform where the program is a binary.
  const program = join(installation, harness.program);
  const line = command.map((part) => (part === program ? harness.name : part));
  const content = JSON.stringify([line, sorted(environment), sorted(configFiles)]);
  return sha256(content);
}
