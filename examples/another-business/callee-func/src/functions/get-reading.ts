// GET /api/meters/{meter}/readings/{id}: one reading.
import { identifierParam } from "@restricted-calls/shared/functions";
import { api, readings } from "../composition.ts";

api.http("getReading", "Readings.Read", {
  methods: ["GET"],
  route: "meters/{meter}/readings/{id}",
  handler: async (request) => {
    const [meter, id] = [identifierParam(request, "meter"), identifierParam(request, "id")];
    return { jsonBody: { meter, id, value: await readings.get(meter, id) } };
  },
});
