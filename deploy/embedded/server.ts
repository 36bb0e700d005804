import type { TetheredProcess } from "../../proto/tether.ts";

/** A running server of the local lab, tied to the life of this process. */
export interface EmbeddedServer extends TetheredProcess {
  /** On the loopback interface. */
  readonly port: number;
  /** For Postgres with user and password, for NATS without. */
  readonly url: string;
}
