// The client of Table storage, loaded on demand.

export { TableClient } from "@azure/data-tables";
