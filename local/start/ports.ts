import { randomInt } from "node:crypto";
import { once } from "node:events";
import { createServer } from "node:net";

/** Systems give ports above these to whoever asks for any, outgoing calls too (Linux from 32768, others from 49152). */
const [FIRST, LAST] = [20_000, 32_000];

/**
 * A port that is free at this moment, for a program that must be told its port, or must keep it when it is restarted. One
 * that the system would choose could be somebody else's before the program opens it.
 */
export async function freePort(): Promise<number> {
  for (let tries = 0; tries < 100; tries += 1) {
    const port = randomInt(FIRST, LAST);
    if (await isFree(port)) return port;
  }
  throw new Error(`No port is free on 127.0.0.1 between ${FIRST} and ${LAST}.`);
}

/**
 * Asks for every port before anything starts, so that the answer names them all.
 *
 * @param ports by what they are for; 0 (any) is free
 * @throws Error that names those in use
 */
export async function requireFree(ports: Readonly<Record<string, number>>): Promise<void> {
  const taken: string[] = [];
  for (const [name, port] of Object.entries(ports)) {
    if (port !== 0 && !(await isFree(port))) taken.push(`${port} (${name})`);
  }
  if (taken.length > 0) {
    throw new Error(
      `In use by another program: port ${taken.join(", ")}. Is the system running already? End it first.`,
    );
  }
}

async function isFree(port: number): Promise<boolean> {
  const server = createServer().listen(port, "127.0.0.1");
  try {
    await once(server, "listening");
  } catch {
    return false;
  }
  await once(server.close(), "close");
  return true;
}
