import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { afterEach, describe, expect, it } from "vitest";
import { startLocalEntra } from "../entra/local-entra.ts";
import { control, identityOf, startTestEntra } from "./entra-fixture.ts";

const entra = await startTestEntra();

describe("the local Entra", () => {
  let taken: Server | undefined;
  afterEach(() => taken?.close());

  async function takePort(): Promise<number> {
    const server = createServer();
    taken = server;
    await new Promise<void>((started) => server.listen(0, "127.0.0.1", started));
    return (server.address() as AddressInfo).port;
  }

  it.each(["port", "managedIdentityPort"] as const)("names the %s that is taken", async (option) => {
    const port = await takePort();
    const starting = startLocalEntra({ certificates: entra.certificates, [option]: port });
    await expect(starting).rejects.toThrow(new RegExp(`^In use by another program: port ${port}\\. .+$`));
  });

  it("leaves nothing listening when only its second port is taken", async () => {
    const port = await takePort();
    taken?.close();
    const managedIdentityPort = await takePort();
    await expect(startLocalEntra({ certificates: entra.certificates, port, managedIdentityPort })).rejects.toThrow();
    await expect(fetch(`https://127.0.0.1:${port}/`)).rejects.toMatchObject({ cause: { code: "ECONNREFUSED" } });
  });

  it("listens on the ports it is told to, and has the same directory at every start, but other secrets", async () => {
    const first = await startLocalEntra({ certificates: entra.certificates });
    const [port, managedIdentityPort] = [first.authority, first.control].map((address) =>
      Number(new URL(address).port),
    );
    await first.stop();
    const second = await startLocalEntra({
      certificates: entra.certificates,
      port: port ?? 0,
      managedIdentityPort: managedIdentityPort ?? 0,
    });
    await second.stop();
    expect([second.authority, second.managedIdentityEndpoint]).toEqual([
      first.authority,
      first.managedIdentityEndpoint,
    ]);
    expect(second.directory).toEqual(first.directory);
    expect(second.identityHeader).not.toBe(first.identityHeader);
    expect(second.clientSecrets["caller-app"]).not.toBe(first.clientSecrets["caller-app"]);
    expect(identityOf(second, "caller-app").kind).toBe("app-registration");
  });

  it("stops at once, with requests under way, idle connections and half-open ones", async () => {
    const other = await startLocalEntra({ certificates: entra.certificates });
    await control(other, "faults", { endpoint: "keys", mode: "slow" });
    const slow = fetch(`${other.authority}/${other.tenantId}/discovery/keys`).then(
      () => "answered",
      () => "cut off",
    );
    const silent: Socket = connect(Number(new URL(other.authority).port), "127.0.0.1").on("error", () => undefined);
    await new Promise((connected) => silent.once("connect", connected));
    await expect.poll(async () => await (await fetch(`${other.control}/requests`)).json()).toMatchObject({ keys: 1 });
    const closed = new Promise((gone) => silent.once("close", gone));
    await other.stop();
    expect(await slow).toBe("cut off");
    await closed;
    await expect(fetch(`${other.control}/requests`)).rejects.toThrow();
    await other.stop();
  });
});
