// @ts-check
/**
 * A lock between the processes of one machine. Without packages, and for Node 20, because the launcher (tools/run.mjs) uses
 * it before the installation.
 *
 * The lock is a folder with one file, whose name is the holder's process id. Every step is atomic, also if several processes
 * do it at the same time: rename(2) replaces only an empty folder, and the file of a dead holder is removed by its own name,
 * so never the file of the next holder.
 */
import { mkdirSync, readdirSync, renameSync, rmdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { setTimeout as delay } from "node:timers/promises";

/** Milliseconds between two attempts, and between two messages. */
const PAUSE_MS = 200;
const MESSAGE_INTERVAL_MS = 15_000;

/**
 * Takes the lock as soon as no other living process holds it. Releases it at the latest when this process ends.
 *
 * @param {string} folder the lock
 * @param {(holder: number, seconds: number) => void} onWaiting is called while it waits: at once, and every 15 seconds
 * @returns {Promise<() => void>} releases the lock
 * @throws if the folder cannot be created
 */
export async function lock(folder, onWaiting) {
  const own = `${folder}.${process.pid}`;
  mkdirSync(dirname(folder), { recursive: true });
  rmSync(own, { recursive: true, force: true });
  mkdirSync(own);
  writeFileSync(join(own, String(process.pid)), "");
  const release = () => {
    rmSync(own, { recursive: true, force: true });
    remove(folder, process.pid);
  };
  process.once("exit", release);
  const start = Date.now();
  for (let said = -MESSAGE_INTERVAL_MS; !take(own, folder); await delay(PAUSE_MS)) {
    const waited = Date.now() - start;
    const holder = livingHolder(folder);
    if (holder === undefined || waited - said < MESSAGE_INTERVAL_MS) continue;
    onWaiting(holder, Math.round(waited / 1000));
    said = waited;
  }
  return release;
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
    // The folder exists: rename(2) has the first two codes for it, Windows the third.
    if (["ENOTEMPTY", "EEXIST", "EPERM"].includes(codeOf(error))) return false;
    throw error;
  }
}

/**
 * Undefined if no living process holds the lock; it is then free.
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
    // Another process has just released it.
    return [];
  }
}

/** @param {number} pid */
function isAlive(pid) {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // The process exists, and belongs to another user.
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
    // Another process has removed it, or has taken the lock.
  }
}

/** @param {unknown} error */
function codeOf(error) {
  return error instanceof Error && "code" in error ? String(error.code) : "";
}
