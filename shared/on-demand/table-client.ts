export { TableClient } from "@azure/data-tables";
