import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdir, readFile, rename } from "node:fs/promises";
import { join, resolve } from "node:path";
import { makeClientCertificate } from "./make-certificates.ts";
import { writeFile } from "../../tools/write-file.ts";

/** The certificate with which an app registration proves who it is. */
export interface ClientCertificate {
  /** Absolute path of a PEM file with the private key and the certificate, for this user only. */
  readonly file: string;
  /** The certificate alone, in PEM: what is uploaded to the app registration. */
  readonly certificate: string;
}

const week = 7 * 24 * 60 * 60 * 1000;

/** A self-signed client certificate, kept in `folder` and reused while it is valid for at least another week. */
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

async function readUsable(file: string): Promise<string | undefined> {
  try {
    const pem = await readFile(file, "utf8");
    const certificate = new X509Certificate(pem);
    const lasts = certificate.validToDate.getTime() - Date.now() > week;
    return lasts && certificate.checkPrivateKey(createPrivateKey(pem)) ? certificate.toString() : undefined;
  } catch {
    return undefined; // missing, or not what it should be: made anew either way
  }
}
