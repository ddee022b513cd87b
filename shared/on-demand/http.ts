// The HTTP client, loaded on demand.

export { Agent as HttpAgent } from "node:http";
export { Agent as HttpsAgent } from "node:https";
export { default as axios } from "axios";
