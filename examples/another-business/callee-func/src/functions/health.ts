// GET /api/health: for the platform's health check.
import { publicHttp } from "@restricted-calls/shared/functions";

publicHttp("health", "The platform's health check has no token. It is told that the app runs, and nothing else.", {
  methods: ["GET"],
  route: "health",
  handler: () => Promise.resolve({ status: 200 }),
});
