// The entry point: registers every function.
import "./functions/get-reading.ts";
import "./functions/health.ts";
import "./functions/record-reading.ts";
