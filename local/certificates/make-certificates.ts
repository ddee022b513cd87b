/** Makes X.509 certificates, as PEM texts. */
import "./reflect-metadata.ts";
import * as x509 from "@peculiar/x509";
import { createHash, type webcrypto } from "node:crypto";

const ecdsa = { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" };
const HOUR_MS = 60 * 60 * 1000;
const YEAR_MS = 365 * 24 * HOUR_MS;

/**
 * A new local certification authority and a server certificate of it for localhost, 127.0.0.1 and ::1. They have the
 * extensions that RFC 5280, 4.2 requires (OpenSSL's `-x509_strict` accepts them).
 */
export async function makeCertificates(): Promise<{ ca: string; cert: string; key: string }> {
  const [caKeys, serverKeys] = await Promise.all([newEcdsaKeys(), newEcdsaKeys()]);
  const ca = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=Local development CA",
    keys: caKeys,
    signingAlgorithm: ecdsa,
    ...validity(),
    extensions: [
      new x509.BasicConstraintsExtension(true, 0, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
      await x509.SubjectKeyIdentifierExtension.create(caKeys.publicKey),
    ],
  });
  const cert = await x509.X509CertificateGenerator.create({
    subject: "CN=localhost",
    issuer: ca.subject,
    publicKey: serverKeys.publicKey,
    signingKey: caKeys.privateKey,
    signingAlgorithm: ecdsa,
    ...validity(),
    extensions: [
      new x509.BasicConstraintsExtension(false, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
      new x509.ExtendedKeyUsageExtension([x509.ExtendedKeyUsage.serverAuth]),
      await x509.SubjectKeyIdentifierExtension.create(serverKeys.publicKey),
      await x509.AuthorityKeyIdentifierExtension.create(caKeys.publicKey),
      new x509.SubjectAlternativeNameExtension([
        { type: "dns", value: "localhost" },
        { type: "ip", value: "127.0.0.1" },
        { type: "ip", value: "::1" },
      ]),
    ],
  });
  const key = x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", serverKeys.privateKey), "PRIVATE KEY");
  return { ca: `${ca.toString("pem")}\n`, cert: `${cert.toString("pem")}\n`, key: `${key}\n` };
}

/**
 * A self-signed certificate of a signing key, as Entra publishes one with each of its keys (`x5c`): its DER in base64,
 * and its SHA-1 thumbprint in base64url (`x5t`, RFC 7517, 4.8), which Entra also uses as the key's `kid`.
 */
export async function signingCertificate(keys: webcrypto.CryptoKeyPair): Promise<{ der: string; thumbprint: string }> {
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: "CN=accounts.accesscontrol.windows.net",
    keys,
    ...validity(),
  });
  const der = Buffer.from(certificate.rawData);
  return { der: der.toString("base64"), thumbprint: createHash("sha1").update(der).digest("base64url") };
}

/** A self-signed certificate for an app registration, and its RSA key. */
export async function makeClientCertificate(name: string): Promise<{ certificate: string; key: string }> {
  const rsa = {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  };
  const keys = await crypto.subtle.generateKey(rsa, true, ["sign", "verify"]);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({ name: `CN=${name}`, keys, ...validity() });
  const key = x509.PemConverter.encode(await crypto.subtle.exportKey("pkcs8", keys.privateKey), "PRIVATE KEY");
  return { certificate: `${certificate.toString("pem")}\n`, key: `${key}\n` };
}

async function newEcdsaKeys(): Promise<webcrypto.CryptoKeyPair> {
  return await crypto.subtle.generateKey(ecdsa, true, ["sign", "verify"]);
}

function validity(): { notBefore: Date; notAfter: Date } {
  return { notBefore: new Date(Date.now() - HOUR_MS), notAfter: new Date(Date.now() + YEAR_MS) };
}
