// The entry point: registers every function.
import "./functions/deliver-pending-orders.ts";
import "./functions/get-order.ts";
import "./functions/list-orders.ts";
import "./functions/place-order.ts";
import "./functions/retry-order.ts";
