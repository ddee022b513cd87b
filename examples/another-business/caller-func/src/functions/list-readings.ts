// GET /api/readings: a page of the readings.
import { keyHttp } from "@restricted-calls/shared/functions";
import { readings } from "../composition.ts";
import { readingView } from "../readings.ts";

keyHttp("listReadings", {
  methods: ["GET"],
  route: "readings",
  handler: async (request) => {
    const { messages, ...page } = await readings.list(undefined, request.query.get("continuationToken") ?? undefined);
    return { jsonBody: { ...page, readings: messages.map(readingView) } };
  },
});
