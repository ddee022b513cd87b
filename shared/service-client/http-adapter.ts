// How axios sends the requests of a service client.
import * as http from "node:http";
import * as https from "node:https";
import { urlToHttpOptions } from "node:url";
import type { AxiosAdapter } from "axios";

/** Without `Accept-Encoding`, a service may compress its response (RFC 9110, section 12.5.3). */
const HEADERS = { "Accept-Encoding": "identity", "User-Agent": "axios" };

/** The headers that the client reads. It gets no others: axios handles each one again. */
const READ = ["content-type", "retry-after", "www-authenticate", "x-ms-forbidden-ip"];

/**
 * Makes an adapter of axios that sends every request to one origin. Follows no redirect and asks no proxy: both would send the
 * token to another host. Takes no compressed responses.
 *
 * The adapter of axios does more: redirects, proxies, forms, progress. With it, a call takes half as long again.
 *
 * @param responseBytes the largest response, in bytes; a larger one rejects
 * @see https://axios-http.com/docs/req_config
 */
export function httpAdapter(origin: string, responseBytes: number): AxiosAdapter {
  const target = urlToHttpOptions(new URL(origin));
  const { Agent, request } = target.protocol === "https:" ? https : http;
  const agent = new Agent({ keepAlive: true });
  return (config) =>
    new Promise((resolve, reject) => {
      const body = config.data as string | Uint8Array | undefined;
      // Node sets no length for a DELETE.
      const length = body !== undefined && { "Content-Length": Buffer.byteLength(body) };
      const headers = { ...HEADERS, ...(config.headers.toJSON() as http.OutgoingHttpHeaders), ...length };
      const sent = request({ ...target, agent, headers, path: config.url, method: config.method?.toUpperCase() });
      sent.on("error", reject);
      sent.on("response", (response) => {
        const chunks: Buffer[] = [];
        let received = 0;
        response.on("error", reject);
        response.on("data", (chunk: Buffer) => {
          chunks.push(chunk);
          received += chunk.length;
          if (received > responseBytes) {
            response.destroy(Object.assign(new Error(), { code: "response-too-large" }));
          }
        });
        response.on("end", () => {
          const read: Record<string, string> = {};
          for (const name of READ) {
            if (response.headers[name] !== undefined) read[name] = String(response.headers[name]);
          }
          const { statusCode: status = 0, statusMessage: statusText = "" } = response;
          resolve({ data: Buffer.concat(chunks), status, statusText, headers: read, config });
        });
      });
      config.signal?.addEventListener?.("abort", () => {
        sent.destroy();
      });
      sent.end(body);
    });
}
