import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";
import { type Cause, causeOf, cannotListen } from "../../tools/listen.ts";

/** Systems give ports above these to whoever asks for any, outgoing calls too (Linux from 32768, others from 49152). */
const [FIRST, LAST] = [20_000, 32_000];

/**
 * A port that is free at this moment, for a program that must be told its port, or must keep it when it is restarted. One
 * that the system would choose could be somebody else's before the program opens it.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(FIRST, LAST);
    if ((await obstacle(port)) === undefined) return port;
  }
  throw new Error(`No port is free on 127.0.0.1 between ${FIRST} and ${LAST}.`);
}

/**
 * Asks for every port before anything starts, so that the answer names them all.
 *
 * @param ports by what they are for; 0 (any) is free
 * @throws Error that names those that cannot be used: one line for each cause, and what to do about it
 */
export async function requireFree(ports: Readonly<Record<string, number>>): Promise<void> {
  const unusable = new Map<Cause, string[]>();
  for (const [name, port] of Object.entries(ports)) {
    const cause = port === 0 ? undefined : await obstacle(port);
    if (cause !== undefined) unusable.set(cause, [...(unusable.get(cause) ?? []), `${port} (${name})`]);
  }
  if (unusable.size === 0) return;
  const lines = [...unusable].map(([cause, names]) => cannotListen(cause, names.join(", ")));
  throw new Error(lines.join("\n"));
}

/** Why a port cannot be listened on; undefined where it can. */
async function obstacle(port: number): Promise<Cause | undefined> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch (error) {
    return causeOf(error);
  }
  await once(server.close(), "close");
  return undefined;
}
