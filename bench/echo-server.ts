/** An HTTP server in its own thread, so that a measurement of a client does not include the server's work. */
import { parentPort } from "node:worker_threads";
import { listen } from "../tools/listen.ts";

const body = JSON.stringify({ id: "message-1", text: "hello", quantity: 1 });
const headers = { "Content-Type": "application/json", "Content-Length": Buffer.byteLength(body) };

const { port } = await listen(0, (request, response) => {
  request.resume().on("end", () => response.writeHead(200, headers).end(body));
});
parentPort?.postMessage(port);
