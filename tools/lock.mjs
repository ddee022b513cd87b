// @ts-check
/**
 * A lock between the processes of one machine. Built-ins only, and nothing newer than Node 20: the launcher (tools/run.mjs)
 * uses it before anything is installed.
 *
 * The lock is a folder with one file, whose name is the holder's process id. Every step is atomic, and right also where
 * several processes do it at once: a folder takes the place of another only where that one is empty (rename(2)), and the
 * file of a dead holder is removed by its own name, so never that of whoever has taken over meanwhile.
 */
import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Milliseconds between two looks at a lock that another process holds, and between two lines that say so. */
const LOOK = 200;
const SAY = 15_000;

/**
 * Takes the lock, when no other living process holds it. It is given back at the end of this process at the latest.
 *
 * @param {string} folder the lock
 * @param {(holder: number, seconds: number) => void} onWaiting is called when it has to wait, at once and every 15 seconds
 * @returns {Promise<() => void>} gives the lock back
 * @throws where the folder cannot be made
 */
export async function lock(folder, onWaiting) {
  const own = `${folder}.${process.pid}`;
  mkdirSync(dirname(folder), { recursive: true });
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own);
  writeFileSync(join(own, String(process.pid)), "");
  const giveBack = () => {
    rmSync(own, { recursive: true, force: true });
    remove(folder, process.pid);
  };
  process.once("exit", giveBack);
  const start = Date.now();
  for (let said = -SAY; !take(own, folder); await delay(LOOK)) {
    const waited = Date.now() - start;
    const holder = livingHolder(folder);
    if (holder === undefined || waited - said < SAY) continue;
    onWaiting(holder, Math.round(waited / 1000));
    said = waited;
  }
  return giveBack;
}

/**
 * @param {string} own
 * @param {string} folder
 */
function take(own, folder) {
  try {
    renameSync(own, folder);
    return true;
  } catch (error) {
    // A folder is in the way: rename(2) has the first two codes for it, Windows the third.
    if (["ENOTEMPTY", "EEXIST", "EPERM"].includes(codeOf(error))) return false;
    throw error;
  }
}

/**
 * Undefined where no living process holds the lock; it is free then.
 *
 * @param {string} folder
 */
function livingHolder(folder) {
  for (const pid of holdersOf(folder)) {
    if (isAlive(pid)) return pid;
    remove(folder, pid);
  }
  removeEmpty(folder);
  return undefined;
}

/** @param {string} folder */
function holdersOf(folder) {
  try {
    return readdirSync(folder).map(Number);
  } catch {
    // It has just been given back.
    return [];
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // It is there, and somebody else's.
    return codeOf(error) === "EPERM";
  }
}

/**
 * @param {string} folder
 * @param {number} pid
 */
function remove(folder, pid) {
  rmSync(join(folder, String(pid)), { force: true });
  removeEmpty(folder);
}

/** @param {string} folder */
function removeEmpty(folder) {
  try {
    rmdirSync(folder);
  } catch {
    // Somebody else has removed it, or has taken the lock.
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
