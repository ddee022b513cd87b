import type { ServerResponse } from "node:http";

/** Tells the network layer's 403 from the app's own: only the front end sets it. */
export const FORBIDDEN_IP_HEADER = "x-ms-forbidden-ip";

/**
 * Answers as App Service's front end refuses a request: `403 Ip Forbidden`, an HTML page, and the address seen, an
 * IPv6 address in brackets. The connection is closed: a body still being sent reaches nobody.
 */
export function answerForbidden(response: ServerResponse, address: string): void {
  answerPage(response, 403, "Ip Forbidden", {
    heading: "Error 403 - Forbidden",
    text: "The web app you have attempted to reach has blocked your access.",
    headers: { [FORBIDDEN_IP_HEADER]: address.includes(":") ? `[${address}]` : address },
  });
}

/** Answers for an app that cannot be reached (503), or that broke off before it answered (502). */
export function answerUnavailable(response: ServerResponse, status: 502 | 503): void {
  const reason = status === 502 ? "Bad Gateway" : "Service Unavailable";
  answerPage(response, status, reason, {
    heading: `Error ${status} - ${reason}`,
    text: "The web app you have attempted to reach did not answer.",
  });
}

/** Answers a request that cannot be passed on as it is: RFC 9112 sections 3.2 (Host) and 6.1 (transfer codings). */
export function answerUnacceptable(response: ServerResponse, status: 400 | 501, text: string): void {
  const reason = status === 400 ? "Bad Request" : "Not Implemented";
  answerPage(response, status, reason, { heading: `Error ${status} - ${reason}`, text });
}

interface Page {
  readonly heading: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function answerPage(response: ServerResponse, status: number, reason: string, page: Page): void {
  const html = `<!DOCTYPE html>
<html><head><title>Web App - Unavailable</title></head><body><h1>${page.heading}</h1><p>${page.text}</p></body></html>
`;
  response.writeHead(status, reason, {
    Connection: "close",
    "Content-Type": "text/html",
    "Content-Length": Buffer.byteLength(html),
    ...page.headers,
  });
  response.end(html);
}
