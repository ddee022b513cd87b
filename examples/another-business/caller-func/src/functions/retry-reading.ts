// POST /api/readings/{id}/retry: makes a stuck or refused reading pending again.
import { identifierParam, keyHttp } from "@restricted-calls/shared/functions";
import { ProblemError } from "@restricted-calls/shared/problem";
import { readings } from "../composition.ts";
import { readingView } from "../readings.ts";

keyHttp("retryReading", {
  methods: ["POST"],
  route: "readings/{id}/retry",
  handler: async (request) => {
    const id = identifierParam(request, "id");
    const message = await readings.retry(id);
    if (message !== undefined) return { status: 202, jsonBody: readingView(message) };
    throw new ProblemError({
      status: 404,
      code: "not-stuck",
      detail: `No stuck or refused reading has the id '${id}'.`,
    });
  },
});
