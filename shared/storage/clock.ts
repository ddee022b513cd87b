// The clock of storage, which all instances share.
import type { TableClient } from "@azure/data-tables";

/** A clock that follows the `Date` of storage's responses (RFC 9110, section 6.6.1), to a second. */
export interface StorageClock {
  /** Before the first response, the time of this machine. */
  readonly now: () => Date;
  /** Opens a table whose responses set this clock. */
  readonly table: () => Promise<TableClient>;
}

interface Lead {
  /** How far storage's clock is ahead of this machine's, in milliseconds. */
  ms: number;
}

const leads = new WeakMap<TableClient, Lead>();

export function storageClock(open: () => Promise<TableClient>): StorageClock {
  let lead: Lead = { ms: 0 };
  return {
    now: () => new Date(Date.now() + lead.ms),
    table: async () => {
      const client = await open();
      lead = leads.get(client) ?? watch(client);
      return client;
    },
  };
}

function watch(client: TableClient): Lead {
  const lead: Lead = { ms: 0 };
  leads.set(client, lead);
  client.pipeline.addPolicy({
    name: "storageClock",
    async sendRequest(request, next) {
      const sent = Date.now();
      const response = await next(request);
      const time = Date.parse(response.headers.get("date") ?? "");
      // Storage's clock showed this second between the request and the response. The lead changes only as far as that requires.
      const [least, most] = [time - Date.now(), time + 1_000 - sent];
      if (!Number.isNaN(time)) lead.ms = Math.min(Math.max(lead.ms, least), most);
      return response;
    },
  });
  return lead;
}
