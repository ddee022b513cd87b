// The entry point: registers every function.
import "./functions/deliver-readings.ts";
import "./functions/get-reading.ts";
import "./functions/list-readings.ts";
import "./functions/retry-reading.ts";
import "./functions/send-reading.ts";
