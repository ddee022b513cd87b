/** Certificates of the local system on disk: made once, and reused while they are valid. */
import { X509Certificate, createPrivateKey } from "node:crypto";
import { chmod, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { join, resolve } from "node:path";
import { makeCertificates, makeClientCertificate } from "./make-certificates.ts";
import { writeFile } from "../../tools/write-file.ts";

/** Absolute paths of PEM files. */
export interface LocalCertificates {
  /** The local certification authority, for clients (`NODE_EXTRA_CA_CERTS`, `curl --cacert`). */
  readonly caFile: string;
  /** The server certificate for localhost, 127.0.0.1 and ::1. */
  readonly certFile: string;
  readonly keyFile: string;
}

/** The certificate of an app registration. */
export interface ClientCertificate {
  /** Absolute path of a PEM file with the private key and the certificate. Only this user can read it. */
  readonly file: string;
  /** The certificate alone, in PEM, for upload to the app registration. */
  readonly certificate: string;
}

/** A certificate is reused while it is valid for at least so long. */
const WEEK_MS = 7 * 24 * 60 * 60 * 1000;

/**
 * A local certification authority and a server certificate of it, in `folder`. The authority's private key is never written:
 * nobody can issue a second certificate that its users would trust.
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

/** A self-signed client certificate in `folder`. */
export async function ensureClientCertificate(folder: string, name: string): Promise<ClientCertificate> {
  const file = resolve(folder, `${name}.pem`);
  const kept = await readUsable(file);
  if (kept !== undefined) return { file, certificate: kept };
  const { certificate, key } = await makeClientCertificate(name);
  await mkdir(folder, { recursive: true });
  const temporary = join(folder, `.${name}-${process.pid}`);
  await writeFile(temporary, key + certificate, { mode: 0o600 });
  await rename(temporary, file);
  return { file, certificate };
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
      [ca, cert].every((each) => each.validToDate.getTime() - Date.now() > WEEK_MS) &&
      cert.checkIssued(ca) &&
      cert.verify(ca.publicKey) &&
      cert.checkPrivateKey(key) &&
      cert.checkHost("localhost") !== undefined &&
      ["127.0.0.1", "::1"].every((address) => cert.checkIP(address) !== undefined)
    );
  } catch {
    return false; // missing or damaged
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

/** Installs the three files at once: two starts at the same time do not mix their certificates. */
async function install(newSet: string, set: string): Promise<void> {
  try {
    await rename(newSet, set);
  } catch (error) {
    if (!isOccupied(error)) throw error;
    if (await isUsable(filesIn(set))) {
      await rm(newSet, { recursive: true }); // another start was first
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

async function readUsable(file: string): Promise<string | undefined> {
  try {
    const pem = await readFile(file, "utf8");
    const certificate = new X509Certificate(pem);
    const lasts = certificate.validToDate.getTime() - Date.now() > WEEK_MS;
    return lasts && certificate.checkPrivateKey(createPrivateKey(pem)) ? certificate.toString() : undefined;
  } catch {
    return undefined; // missing or damaged
  }
}
