// The entry point: registers every function.
import "./functions/get-stock.ts";
import "./functions/health.ts";
import "./functions/reserve-stock.ts";
import "./functions/set-stock.ts";
