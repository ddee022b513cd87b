// PUT /api/readings/{id}: stores a reading, and tries to deliver it.
import { identifierParam, keyHttp, readJsonBody } from "@restricted-calls/shared/functions";
import { ProblemError } from "@restricted-calls/shared/problem";
import { readings } from "../composition.ts";
import { reading, readingView } from "../readings.ts";

const STATUS = { done: 201, pending: 202, stuck: 202, refused: 409 } as const;

keyHttp("sendReading", {
  methods: ["PUT"],
  route: "readings/{id}",
  handler: async (request, context) => {
    const id = identifierParam(request, "id");
    const payload = await readJsonBody(request, reading);
    const message = await readings.submit({ id, payload }, context.traceContext?.traceParent);
    if (message.payload.meter !== payload.meter || message.payload.value !== payload.value) {
      throw new ProblemError({
        status: 409,
        code: "reading-conflict",
        detail: `Reading '${id}' exists with other content.`,
      });
    }
    return { status: STATUS[message.state], jsonBody: readingView(message) };
  },
});
