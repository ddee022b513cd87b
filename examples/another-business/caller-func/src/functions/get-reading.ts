// GET /api/readings/{id}: the state of a reading.
import { identifierParam, keyHttp } from "@restricted-calls/shared/functions";
import { ProblemError } from "@restricted-calls/shared/problem";
import { readings } from "../composition.ts";
import { readingView } from "../readings.ts";

keyHttp("getReading", {
  methods: ["GET"],
  route: "readings/{id}",
  handler: async (request) => {
    const id = identifierParam(request, "id");
    const message = await readings.get(id);
    if (message === undefined) {
      throw new ProblemError({ status: 404, code: "unknown-reading", detail: `There is no reading '${id}'.` });
    }
    return { jsonBody: readingView(message) };
  },
});
