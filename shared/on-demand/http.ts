// The HTTP client, loaded on demand.

export { Axios } from "axios";
export { httpAdapter } from "../service-client/http-adapter.ts";
