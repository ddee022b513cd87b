// PUT /api/meters/{meter}/readings/{id}: records a reading, once.
import { identifierParam, readJsonBody } from "@restricted-calls/shared/functions";
import * as v from "valibot";
import { api, readings } from "../composition.ts";

const body = v.strictObject({ value: v.pipe(v.number(), v.integer(), v.minValue(0), v.maxValue(1_000_000_000)) });

api.http("recordReading", "Readings.Write", {
  methods: ["PUT"],
  route: "meters/{meter}/readings/{id}",
  handler: async (request) => {
    const [meter, id] = [identifierParam(request, "meter"), identifierParam(request, "id")];
    const { value } = await readJsonBody(request, body);
    await readings.record(meter, id, value);
    return { jsonBody: { meter, id, value } };
  },
});
