import { z } from 'zod';
import { type Entry, parsedEntry, parsedText, type QueueParts, readEach } from './table/control-table.ts';
import { DELETE_AFTER } from './table/format.ts';

const requestSchema = z.object({
  /** A Slack user id. */
  who: z.string(),
  /** As the audit names it. */
  what: z.string(),
  /** As the person knows it: what was typed, or the label of the button or the form. */
  shownAs: z.string(),
  /** Where the person asked; absent where that was no channel. */
  channel: z.string().exactOptional(),
  /** Epoch ms. */
  at: z.number(),
  /** It only reads: where it was not finished, nothing can have been changed. */
  isRead: z.boolean(),
  /** Whether the audit has it. */
  isAudited: z.boolean(),
});
/** A request of a person, as it is kept until it is carried out. */
export type AcceptedRequest = z.infer<typeof requestSchema>;

/** A request that was claimed and is not carried out yet. */
export interface OpenRequest {
  readonly deliveryId: string;
  readonly request: AcceptedRequest;
  /** How often its process said that it works on it. */
  readonly renewals: number;
}

/** The requests that Slack delivered, each claimed by one process of the bot, and which of them are carried out. */
export interface DeliveryClaims {
  /**
   * True for the first process that asks, false for every later one. `deliveryId`: the same at every delivery of a request.
   * The request stays open until `finish`. @throws ControlTableError
   */
  claim(deliveryId: string, request: AcceptedRequest): Promise<boolean>;
  /** Its process still works on it. @throws ControlTableError */
  renew(deliveryId: string): Promise<void>;
  /** It is carried out. The claim stays. @throws ControlTableError */
  finish(deliveryId: string): Promise<void>;
  /** The open requests. One that cannot be read is reported and left out. @throws ControlTableError */
  open(): AsyncIterable<OpenRequest>;
  /** Finishes a request whose process ended. True for one process, and only if it was not renewed since. @throws ControlTableError */
  take(open: OpenRequest): Promise<boolean>;
  /** Opens it again. @throws ControlTableError */
  giveBack(open: OpenRequest): Promise<void>;
  /** Removes some of the claims that are older than an hour. Called after each claim, it removes all of them. @throws ControlTableError */
  removeOld(now: number): Promise<void>;
}

/** Slack delivers a request again within minutes, and a recorded one is valid for 5 minutes over HTTP. */
const KEPT_MS = 60 * 60_000;
const MOST_READ = 25;

const openSchema = z.looseObject({ request: z.string(), renewals: z.number() });
const FINISHED = { set: { isOpen: false }, remove: ['request', 'renewals'] };

/** In the control table: `deliveries#NAME` / `ID`. The ids are in no order of time. */
export function createDeliveryClaims({ table, name, warn }: QueueParts): DeliveryClaims {
  const pk = `deliveries#${name}`;
  const keyOf = (deliveryId: string) => ({ pk, sk: deliveryId });
  /** Where the next look for old claims begins. */
  let from = '';

  function readOpen(entry: Entry): OpenRequest {
    const { request, renewals } = parsedEntry(entry, openSchema);
    return { deliveryId: entry.sk, request: parsedText(entry, request, (json) => requestSchema.parse(json)), renewals };
  }
  async function* entriesOfOpen(): AsyncIterable<Entry> {
    for await (const entry of table.list(pk)) if (entry.isOpen === true) yield entry;
  }

  return {
    // As text, so that the names inside stay exactly as they are.
    claim: (deliveryId, request) =>
      table.create(keyOf(deliveryId), {
        [DELETE_AFTER]: Math.ceil((request.at + KEPT_MS) / 1_000),
        isOpen: true,
        request: JSON.stringify(request),
        renewals: 0,
      }),
    async renew(deliveryId) {
      await table.update(keyOf(deliveryId), { add: { renewals: 1 } }, { equals: { isOpen: true } });
    },
    async finish(deliveryId) {
      await table.update(keyOf(deliveryId), FINISHED, { exists: true });
    },
    open: () => readEach(entriesOfOpen(), readOpen, warn),
    async take({ deliveryId, renewals }) {
      return (await table.update(keyOf(deliveryId), FINISHED, { equals: { isOpen: true, renewals } })).ok;
    },
    async giveBack({ deliveryId, request, renewals }) {
      const set = { isOpen: true, request: JSON.stringify(request), renewals };
      await table.update(keyOf(deliveryId), { set }, { exists: true });
    },
    async removeOld(now) {
      let read = 0;
      let last = '';
      for await (const { sk, [DELETE_AFTER]: until } of table.list(pk, { from, limit: MOST_READ })) {
        read += 1;
        last = sk;
        if (Number(until) * 1_000 <= now) await table.remove({ pk, sk });
      }
      from = read < MOST_READ ? '' : last;
    },
  };
}
