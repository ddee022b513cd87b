import { X509Certificate, createPrivateKey } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { makeCertificates } from "./make-certificates.ts";
import { writeFile } from "../../tools/write-file.ts";

/** Absolute paths of PEM files. */
export interface LocalCertificates {
  /** The local certification authority: what a client trusts (`NODE_EXTRA_CA_CERTS`, `curl --cacert`). */
  readonly caFile: string;
  /** The server certificate for localhost, 127.0.0.1 and ::1. */
  readonly certFile: string;
  readonly keyFile: string;
}

const week = 7 * 24 * 60 * 60 * 1000;

/**
 * A local certification authority and one server certificate of it, kept in `folder` and reused while they are valid for
 * at least another week and belong together; otherwise made anew. The authority's private key is never written: nobody
 * can issue a second certificate that its users would trust.
 */
export async function ensureCertificates(folder: string): Promise<LocalCertificates> {
  const set = resolve(folder, "localhost");
  if (!(await isUsable(filesIn(set)))) {
    await mkdir(folder, { recursive: true });
    await install(await writeNewSet(resolve(folder)), set);
  }
  await chmod(filesIn(set).keyFile, 0o600);
  return filesIn(set);
}

function filesIn(set: string): LocalCertificates {
  return { caFile: join(set, "ca.pem"), certFile: join(set, "cert.pem"), keyFile: join(set, "key.pem") };
}

async function isUsable(files: LocalCertificates): Promise<boolean> {
  try {
    const [ca, cert] = (await Promise.all([read(files.caFile), read(files.certFile)])).map(
      (pem) => new X509Certificate(pem),
    );
    const key = createPrivateKey(await read(files.keyFile));
    return (
      ca !== undefined &&
      cert !== undefined &&
      ca.ca &&
      [ca, cert].every((each) => each.validToDate.getTime() - Date.now() > week) &&
      cert.checkIssued(ca) &&
      cert.verify(ca.publicKey) &&
      cert.checkPrivateKey(key) &&
      cert.checkHost("localhost") !== undefined &&
      ["127.0.0.1", "::1"].every((address) => cert.checkIP(address) !== undefined)
    );
  } catch {
    return false; // missing, or not what it should be: made anew either way
  }
}

const read = (file: string): Promise<string> => readFile(file, "utf8");

async function writeNewSet(folder: string): Promise<string> {
  const set = await mkdtemp(join(folder, ".new-"));
  const { ca, cert, key } = await makeCertificates();
  const files = filesIn(set);
  await writeFile(files.caFile, ca);
  await writeFile(files.certFile, cert);
  await writeFile(files.keyFile, key, { mode: 0o600 });
  return set;
}

/** The three files appear together or not at all: certificates of two starts at the same time never mix. */
async function install(newSet: string, set: string): Promise<void> {
  try {
    await rename(newSet, set);
  } catch (error) {
    if (!isOccupied(error)) throw error;
    if (await isUsable(filesIn(set))) {
      await rm(newSet, { recursive: true }); // another start was first: its certificates are as good
      return;
    }
    const old = `${newSet}-old`;
    await rename(set, old);
    await rm(old, { recursive: true });
    await install(newSet, set);
  }
}

function isOccupied(error: unknown): boolean {
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  return code === "ENOTEMPTY" || code === "EEXIST" || code === "ENOTDIR" || code === "EPERM";
}
