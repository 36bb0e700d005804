/** A process that appends and removes outbox entries until it is killed, telling what it has done. */
import { writeSync } from "node:fs";
import { pino } from "pino";
import { Outbox } from "../../agent-node/outbox/outbox.ts";
import { sha256 } from "../../proto/digest.ts";

const [, , folder = "", name = ""] = process.argv;
const outbox = await Outbox.open({ folder, maxBytes: 1e9, log: pino({ level: "silent" }) });

for (let number = 0; ; number += 1) {
  const attemptId = `${name}-${number}`;
  const payload = Buffer.alloc(1 + ((number * 7_919) % 50_000), `${attemptId};`);
  const archive = Buffer.alloc(1 + ((number * 104_729) % 200_000), `${attemptId}:`);
  const isResult = number % 3 === 2;
  const id = isResult ? `${attemptId}/result` : `${attemptId}/trace/0`;
  const workspace = isResult ? { digest: sha256(archive), archive } : null;
  await outbox.append({ id, attemptId, kind: isResult ? "result" : "trace", payload, workspace });
  const digest = sha256(isResult ? Buffer.concat([payload, archive]) : payload);
  writeSync(1, `appended ${id} ${digest}\n`);
  if (number % 5 === 4) {
    const [oldest] = outbox.entries();
    if (oldest !== undefined) {
      writeSync(1, `removing ${oldest.id} -\n`);
      await outbox.remove([oldest.id]);
    }
  }
}
