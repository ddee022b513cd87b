/** The responses of the front end itself. */
import type { ServerResponse } from "node:http";

/** Distinguishes the front end's 403 from the app's: only the front end sets it. */
export const FORBIDDEN_IP_HEADER = "x-ms-forbidden-ip";

/**
 * The refusal of App Service's front end: `403 Ip Forbidden`, an HTML page, and the client's address, an IPv6 address in
 * brackets. Closes the connection: nothing reads the rest of the body.
 */
export function respondForbidden(response: ServerResponse, address: string): void {
  respondPage(response, 403, "Ip Forbidden", {
    heading: "Error 403 - Forbidden",
    text: "The web app you have attempted to reach has blocked your access.",
    headers: { [FORBIDDEN_IP_HEADER]: address.includes(":") ? `[${address}]` : address },
  });
}

/** For an app that does not listen (503), or that broke off before its response (502). */
export function respondUnavailable(response: ServerResponse, status: 502 | 503): void {
  const reason = status === 502 ? "Bad Gateway" : "Service Unavailable";
  respondPage(response, status, reason, {
    heading: `Error ${status} - ${reason}`,
    text: "The web app you have attempted to reach did not answer.",
  });
}

/** For a request that must not be forwarded: RFC 9112 sections 3.2 (Host) and 6.1 (transfer codings). */
export function respondUnacceptable(response: ServerResponse, status: 400 | 501, text: string): void {
  const reason = status === 400 ? "Bad Request" : "Not Implemented";
  respondPage(response, status, reason, { heading: `Error ${status} - ${reason}`, text });
}

interface Page {
  readonly heading: string;
  readonly text: string;
  readonly headers?: Readonly<Record<string, string>>;
}

function respondPage(response: ServerResponse, status: number, reason: string, page: Page): void {
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
