/**
 * Version of the session protocol between node and coordinator. Raised with each change that an
 * older peer would misread; peers of another version are refused at Hello.
 */
export const PROTOCOL_VERSION = 1;

/** Version of this program, equal to `version` in package.json (a test holds them together). */
export const PROGRAM_VERSION = "0.1.0";
