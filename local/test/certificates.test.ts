import { execFile, spawnSync } from "node:child_process";
import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, readdir, rm, stat, writeFile } from "node:fs/promises";
import { createServer, get } from "node:https";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { ensureCertificates } from "../certificates/certificates.ts";

const run = promisify(execFile);
const day = 24 * 60 * 60 * 1000;

describe("the local certificates", () => {
  let folder: string;
  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "certificates-"));
  });
  afterEach(async () => {
    vi.useRealTimers();
    await rm(folder, { recursive: true });
  });

  const read = (file: string): Promise<string> => readFile(file, "utf8");

  it("serve HTTPS that a client trusting the local CA accepts, by name and by address", async () => {
    const { caFile, certFile, keyFile } = await ensureCertificates(folder);
    const [ca, cert, key] = await Promise.all([caFile, certFile, keyFile].map(read));
    if (!ca || !cert || !key) throw new Error("Empty certificate files");
    const server = createServer({ cert, key }, (_, response) => response.end("hello"));
    await new Promise<void>((started) => server.listen(0, "localhost", started));
    const { port } = server.address() as AddressInfo;
    try {
      for (const servername of ["localhost", ""]) {
        const status = await new Promise((resolve, reject) => {
          get({ port, host: "localhost", servername, ca, agent: false }, (response) => {
            response.resume();
            resolve(response.statusCode);
          }).on("error", reject);
        });
        expect(status).toBe(200);
      }
    } finally {
      server.close();
    }
    const leaf = new X509Certificate(cert);
    expect(leaf.checkIP("127.0.0.1")).toBeDefined();
    expect(leaf.checkIP("::1")).toBeDefined();
    expect(leaf.checkHost("example.com")).toBeUndefined();
  });

  it.skipIf(spawnSync("openssl", ["version"]).status !== 0)(
    "satisfy OpenSSL's strict check",
    { tags: "needs-openssl" },
    async () => {
      const { caFile, certFile } = await ensureCertificates(folder);
      const { stdout } = await run("openssl", [
        ...["verify", "-x509_strict", "-purpose", "sslserver", "-CAfile", caFile, certFile],
      ]);
      expect(stdout).toContain("OK");
    },
  );

  // Windows has no such mode.
  it.skipIf(process.platform === "win32")("keep the server's key to its owner", async () => {
    const { keyFile } = await ensureCertificates(folder);
    expect((await stat(keyFile)).mode & 0o777).toBe(0o600);
  });

  it("keep no other key at all", async () => {
    await ensureCertificates(folder);
    expect(await readdir(folder)).toEqual(["localhost"]);
    expect((await readdir(join(folder, "localhost"))).sort()).toEqual(["ca.pem", "cert.pem", "key.pem"]);
  });

  it("are reused while they last", async () => {
    const before = await read((await ensureCertificates(folder)).certFile);
    expect(await read((await ensureCertificates(folder)).certFile)).toBe(before);
  });

  it("are made anew less than a week before they end", async () => {
    const { certFile } = await ensureCertificates(folder);
    const before = await read(certFile);
    const ends = new X509Certificate(before).validToDate.getTime();
    vi.useFakeTimers({ toFake: ["Date"], now: ends - 8 * day });
    await ensureCertificates(folder);
    expect(await read(certFile)).toBe(before);
    vi.setSystemTime(ends - 6 * day);
    await ensureCertificates(folder);
    expect(await read(certFile)).not.toBe(before);
    expect(await readdir(folder)).toEqual(["localhost"]);
  });

  it.each(["caFile", "certFile", "keyFile"] as const)("are made anew when %s belongs to another set", async (file) => {
    const files = await ensureCertificates(folder);
    const other = await ensureCertificates(join(folder, "other"));
    const before = await read(files.caFile);
    await writeFile(files[file], await read(other[file]));
    await ensureCertificates(folder);
    expect([before, await read(other.caFile)]).not.toContain(await read(files.caFile));
  });

  it("are made anew when a file is damaged", async () => {
    const { certFile } = await ensureCertificates(folder);
    await writeFile(certFile, "nonsense");
    await ensureCertificates(folder);
    expect(new X509Certificate(await read(certFile)).subject).toBe("CN=localhost");
  });

  it("are one set, however many starts want them at the same time", async () => {
    const sets = await Promise.all(
      Array.from({ length: 8 }, async () => {
        const { caFile, certFile } = await ensureCertificates(folder);
        return [await read(caFile), await read(certFile)];
      }),
    );
    expect(new Set(sets.map(String)).size).toBe(1);
    expect(await readdir(folder)).toEqual(["localhost"]);
  });
});
