import { createPipelineRequest } from "@azure/core-rest-pipeline";
import { RestError, type TableClient, type TransactionAction } from "@azure/data-tables";
import { afterAll, beforeAll, beforeEach, describe, expect, test, vi } from "vitest";
import { startTestStorage, type TestStorage } from "../storage/test-storage.ts";
import {
  existingEntity,
  isLostRace,
  isStorageFailure,
  openTable,
  orUndefined,
} from "@restricted-calls/shared/storage/table";

let storage: TestStorage;
let table: TableClient;
let count = 0;

const partitionKey = "p";
const row = { partitionKey, rowKey: "row" };

beforeAll(async () => {
  storage = await startTestStorage();
});
afterAll(() => storage.stop());
beforeEach(async () => {
  vi.spyOn(console, "warn").mockReturnValue();
  table = await openTable(storage.endpoint, `table${++count}`, () => storage.credential)();
  await table.createEntity({ ...row, value: 1 });
});

const failureOf = (operation: Promise<unknown>): Promise<unknown> =>
  operation.then(
    () => undefined,
    (error: unknown) => error,
  );

async function rowKeys(): Promise<unknown[]> {
  const keys: unknown[] = [];
  for await (const { rowKey } of table.listEntities()) keys.push(rowKey);
  return keys;
}

describe("a key with the text at which the SDK splits the response to a transaction", () => {
  const rowKey = "x--changesetresponse_y";
  const create = () =>
    table.submitTransaction([
      ["create", { partitionKey, rowKey: "before" }],
      ["create", { partitionKey, rowKey }],
      ["create", { partitionKey, rowKey: "after" }],
    ]);

  test("has its result, also in a table that is created again", async () => {
    await table.deleteTable();
    const { subResponses } = await create();
    expect(subResponses.map(({ status, etag }) => ({ status, etag }))).toEqual(
      Array(3).fill({ status: 204, etag: expect.stringContaining("datetime") as string }),
    );
    expect(await rowKeys()).toEqual(["after", "before", rowKey]);
    const changes: TransactionAction[] = [
      ["update", { partitionKey, rowKey, value: 2 }, "Merge"],
      ["upsert", { partitionKey, rowKey: "before" }],
      ["delete", { partitionKey, rowKey: "after" }],
    ];
    expect((await table.submitTransaction(changes)).subResponses).toHaveLength(3);
  });

  test("has its error", async () => {
    await table.createEntity({ partitionKey, rowKey });
    expect(existingEntity(await failureOf(create()))).toBe(1);
  });
});

describe("a table that was deleted while the app runs is created again", () => {
  beforeEach(() => table.deleteTable());

  test("by a read: the row is not there", async () => {
    expect(await orUndefined(table.getEntity(partitionKey, "row"))).toBeUndefined();
    expect(console.warn).toHaveBeenCalledTimes(1);
  });
  test("by a query: nothing is there", async () => {
    expect(await rowKeys()).toEqual([]);
  });
  test("by a new row", async () => {
    await table.createEntity(row);
    expect(await rowKeys()).toEqual(["row"]);
  });
  test("by a transaction of new rows", async () => {
    await table.submitTransaction([
      ["create", { partitionKey, rowKey: "a" }],
      ["create", { partitionKey, rowKey: "b" }],
    ]);
    expect(await rowKeys()).toEqual(["a", "b"]);
  });
  test("by a transaction that changes a row, which is not there: that is a lost race", async () => {
    const failure = await failureOf(table.submitTransaction([["delete", row]]));
    expect(failure).toMatchObject({ statusCode: 404, code: "ResourceNotFound" });
    expect(isLostRace(failure)).toBe(true);
  });
  test("once, by many at once", async () => {
    await Promise.all(Array.from({ length: 20 }, (_, i) => table.createEntity({ partitionKey, rowKey: `row-${i}` })));
    expect(await rowKeys()).toHaveLength(20);
  });
});

describe("a lost race", () => {
  test.each<[string, () => Promise<unknown>]>([
    ["a row that is there already", () => table.createEntity(row)],
    ["the same in a transaction", () => table.submitTransaction([["create", row]])],
    ["a row that is gone", () => table.deleteEntity(partitionKey, "other")],
    ["another ETag", () => table.updateEntity(row, "Merge", { etag: "W/\"datetime'2020-01-01T00%3A00%3A00.0Z'\"" })],
  ])("is one: %s", async (_, operation) => {
    const failure = await failureOf(operation());
    expect({ lost: isLostRace(failure), storage: isStorageFailure(failure) }).toEqual({ lost: true, storage: false });
  });

  test.each<[string, TransactionAction[], number | undefined]>([
    ["the first change", [["create", row]], 0],
    [
      "a later change",
      [
        ["create", { ...row, rowKey: "a" }],
        ["upsert", { ...row, rowKey: "b" }],
        ["create", row],
      ],
      2,
    ],
    [
      "no change: another ETag",
      [["update", row, "Merge", { etag: "W/\"datetime'2020-01-01T00%3A00%3A00.0Z'\"" }]],
      undefined,
    ],
  ])("whose entity existed is found in a transaction: %s", async (_, changes, place) => {
    expect(existingEntity(await failureOf(table.submitTransaction(changes)))).toBe(place);
  });

  test("whose entity existed may not be named by storage", () => {
    expect(existingEntity(new RestError("Conflict", { statusCode: 409, code: "EntityAlreadyExists" }))).toBeNaN();
  });

  // In Azure a table is being deleted for 40 seconds or more; the local storage deletes at once.
  test.each<[string, RestError]>([
    ["TableBeingDeleted", new RestError("", { statusCode: 409, code: "TableBeingDeleted" })],
    ["TableNotFound", new RestError("", { statusCode: 404, code: "TableNotFound" })],
    ["another answer's TableBeingDeleted", withDetails(409, { errorCode: "TableBeingDeleted" })],
    ["another answer's TableNotFound", withDetails(404, { errorCode: "TableNotFound" })],
  ])("is none, but a failure of storage: %s", async (_, error) => {
    expect({ lost: isLostRace(error), storage: isStorageFailure(error) }).toEqual({ lost: false, storage: true });
    await expect(orUndefined(Promise.reject(error))).rejects.toBe(error);
  });

  test("is no failure of storage where the table is another client's", () => {
    const request = createPipelineRequest({ url: "https://elsewhere.example" });
    expect(isStorageFailure(new RestError("", { statusCode: 404, code: "TableNotFound", request }))).toBe(false);
  });
});

describe("a failure of storage", () => {
  const open = (
    endpoint: string,
    getToken: () => Promise<never> | Promise<{ token: string; expiresOnTimestamp: number }>,
  ) => failureOf(openTable(endpoint, "table", () => ({ getToken }))());
  const token = () => Promise.resolve({ token: "x", expiresOnTimestamp: Date.now() + 3600_000 });
  const named = (name: string): Error => Object.assign(new Error("No."), { name });

  test("is one of the table: no connection, a refusal, no token for it", async () => {
    const noConnection = await open("https://127.0.0.1:9", token);
    expect(noConnection).toBeInstanceOf(RestError);
    expect(isStorageFailure(noConnection)).toBe(true);
    const refusal = await open(storage.endpoint, token);
    expect(refusal).toMatchObject({ name: "RestError", statusCode: 403 });
    expect(isStorageFailure(refusal)).toBe(true);
    const noToken = await open("https://127.0.0.1:9", () => Promise.reject(named("AuthenticationError")));
    expect(noToken).toMatchObject({ name: "AuthenticationError" });
    expect(isStorageFailure(noToken)).toBe(true);
  });

  test.each([
    ["a response", new RestError("", { statusCode: 503 })],
    ["no response", new RestError("", { code: "ECONNREFUSED" })],
    ["no token", named("AuthenticationError")],
    ["a timeout", named("AbortError")],
  ])("is not one of another client of Azure: %s", (_, error) => {
    expect(isStorageFailure(error)).toBe(false);
  });
});

function withDetails(statusCode: number, details: object): RestError {
  return Object.assign(new RestError("", { statusCode }), { details });
}
