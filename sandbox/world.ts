import { z } from 'zod';

const invocationsSchema = z.looseObject({
  total: z.number(),
  byKey: z.record(z.string(), z.number()).default({}),
  highestConcurrency: z.number().default(0),
  inFlight: z.number().default(0),
  /** The last 1,000 completed invocations; times in epoch ms. */
  last: z.array(z.looseObject({ key: z.string(), startedAt: z.number(), endedAt: z.number() })),
});

const callsSchema = z.object({
  calls: z.array(z.object({ caller: z.string(), operation: z.string(), at: z.number() })),
});

/** Reads and changes the settings of the local AWS, and reads the invocations of its function. */
export function createWorld(url: string) {
  return {
    async set(change: Record<string, unknown>): Promise<void> {
      const reply = await fetch(`${url}/sandbox/world`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify(change),
      });
      if (!reply.ok) throw new Error(`POST /sandbox/world answered ${reply.status}: ${await reply.text()}`);
    },
    async invocations() {
      return invocationsSchema.parse(await (await fetch(`${url}/sandbox/invocations`)).json());
    },
    /** The last calls that changed something, oldest first: the caller by its access key id, and the time in epoch ms. */
    async calls() {
      return callsSchema.parse(await (await fetch(`${url}/sandbox/callers`)).json()).calls;
    },
  };
}
