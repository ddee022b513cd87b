import { app } from "@azure/functions";

/** Whether the app runs: needs no token and tells nothing else. */
app.http("health", {
  methods: ["GET"],
  authLevel: "anonymous",
  route: "health",
  handler: () => ({ status: 200 }),
});
