/** A durable call to another service: stored first, delivered at least once. */
export { type Setback } from "./history.ts";
export {
  type Content,
  type Destination,
  type Message,
  type MessageState,
  messageStates,
  type Problem,
} from "./message.ts";
export type { Page } from "./message-store.ts";
export { createOutbox, type Outbox, type OutboxOptions, type RunOptions, type RunSummary } from "./outbox.ts";
