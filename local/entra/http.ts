import type { IncomingMessage, ServerResponse } from "node:http";

/** A request, its body read to the end. */
export interface Request {
  readonly method: string;
  readonly url: URL;
  readonly headers: IncomingMessage["headers"];
  readonly body: string;
}

/** An answer in JSON, or in the content type its headers name if it is a text. */
export interface Answer {
  readonly status: number;
  readonly json?: unknown;
  readonly text?: string;
  readonly headers?: Readonly<Record<string, string>>;
}

/** Bytes of a request body that are read; one more is a 413. */
const bodyLimit = 64 * 1024;

/** The request's body as text, or undefined when it is larger than the limit. */
export async function readBody(request: IncomingMessage): Promise<string | undefined> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length;
    // What comes after the limit is read and dropped, so that the client gets to see its answer.
    if (size <= bodyLimit) chunks.push(chunk);
  }
  return size <= bodyLimit ? Buffer.concat(chunks).toString("utf8") : undefined;
}

/** Sends an answer. Nothing that is answered here may be stored. */
export function send(response: ServerResponse, { status, json, text, headers }: Answer): void {
  const body = json === undefined ? (text ?? "") : JSON.stringify(json);
  response.writeHead(status, {
    ...(json !== undefined && { "Content-Type": "application/json; charset=utf-8" }),
    "Cache-Control": "no-store, no-cache",
    ...headers,
    "Content-Length": Buffer.byteLength(body),
  });
  response.end(body);
}
