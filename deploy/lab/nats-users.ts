import { randomBytes } from "node:crypto";
import { parseArgs } from "node:util";
import { nodeNamePattern } from "../../proto/subjects.ts";
import { labUsers, natsUserEntry } from "../embedded/nats-config.ts";

/**
 * Prints the users of a lab's NATS server, each with a fresh password and the permissions it needs
 * and no more, for the file that `nats-server.conf` includes:
 *
 *     node dist/deploy/lab/nats-users.js --node mac-1 --node mac-2 --grader linux-1 > nats-users.conf
 */
const { values } = parseArgs({
  options: {
    node: { type: "string", multiple: true, default: [] },
    grader: { type: "string", multiple: true, default: [] },
  },
});

const wrong = [...values.node, ...values.grader].filter((name) => !nodeNamePattern.test(name));
if (wrong.length > 0) {
  process.stderr.write(
    `not a name: ${wrong.join(", ")}; accepted: up to 40 lower-case letters, digits and inner hyphens\n`,
  );
  process.exit(2);
}

const users = labUsers({
  nodes: values.node,
  graders: values.grader,
  password: () => randomBytes(24).toString("base64url"),
});
process.stdout.write(`users: ${JSON.stringify(users.map(natsUserEntry), undefined, 2)}\n`);
