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
  /** Whether the audit has it. */
  isAudited: z.boolean(),
});
/** A request of a person, as it is kept until it is carried out. */
export type AcceptedRequest = z.infer<typeof requestSchema>;

/** A request that was claimed and is not finished. */
export interface OpenRequest {
  readonly deliveryId: string;
  readonly request: AcceptedRequest;
  /** What claimed it. */
  readonly owner: string;
  /** How often the owner said that it works on it. */
  readonly renewals: number;
}

/** The requests that Slack delivered, each claimed by one owner in one process of the bot, and which of them are finished. */
export interface DeliveryClaims {
  /**
   * True for the first owner that asks, false for every later one. `deliveryId`: the same at every delivery of a request.
   * The request stays open until `finish`. @throws ControlTableError
   */
  claim(deliveryId: string, owner: string, request: AcceptedRequest): Promise<boolean>;
  /** The owner still works on it. Nothing is changed if it is finished or has another owner (`taken`), or is not stored (`gone`). @throws ControlTableError */
  renew(deliveryId: string, owner: string): Promise<'renewed' | 'taken' | 'gone'>;
  /** It is carried out, if this is its owner. The claim stays for an hour. @throws ControlTableError */
  finish(deliveryId: string, owner: string, now: number): Promise<void>;
  /** The open requests. One that cannot be read is reported and left out. @throws ControlTableError */
  open(): AsyncIterable<OpenRequest>;
  /** Makes another one the owner. True only if the request is open and was not renewed or taken since it was read. @throws ControlTableError */
  take(open: OpenRequest, owner: string): Promise<boolean>;
  /** Removes the claims that were finished more than an hour ago. @throws ControlTableError */
  removeOld(now: number): Promise<void>;
}

/** Slack delivers a request again within minutes, and a recorded one is valid for 5 minutes over HTTP. */
const KEPT_MS = 60 * 60_000;

const openSchema = z.looseObject({ request: z.string(), owner: z.string(), renewals: z.number() });

/** In the control table: `deliveries#NAME` / `ID`. The ids are in no order of time. Only what is finished may be deleted. */
export function createDeliveryClaims({ table, name, warn }: QueueParts): DeliveryClaims {
  const pk = `deliveries#${name}`;
  const keyOf = (deliveryId: string) => ({ pk, sk: deliveryId });

  function readOpen(entry: Entry): OpenRequest {
    const { request, owner, renewals } = parsedEntry(entry, openSchema);
    const parsed = parsedText(entry, request, (json) => requestSchema.parse(json));
    return { deliveryId: entry.sk, request: parsed, owner, renewals };
  }
  async function* entriesOfOpen(): AsyncIterable<Entry> {
    for await (const entry of table.list(pk)) if (entry.isOpen === true) yield entry;
  }

  return {
    // As text, so that the names inside stay exactly as they are.
    claim: (deliveryId, owner, request) =>
      table.create(keyOf(deliveryId), { isOpen: true, owner, renewals: 0, request: JSON.stringify(request) }),
    async renew(deliveryId, owner) {
      const condition = { equals: { isOpen: true, owner } };
      const { ok, entry } = await table.update(keyOf(deliveryId), { add: { renewals: 1 } }, condition);
      if (ok) return 'renewed';
      return entry ? 'taken' : 'gone';
    },
    async finish(deliveryId, owner, now) {
      const set = { isOpen: false, [DELETE_AFTER]: Math.ceil((now + KEPT_MS) / 1_000) };
      const remove = ['request', 'owner', 'renewals'];
      await table.update(keyOf(deliveryId), { set, remove }, { equals: { isOpen: true, owner } });
    },
    open: () => readEach(entriesOfOpen(), readOpen, warn),
    async take(open, owner) {
      const unchanged = { isOpen: true, owner: open.owner, renewals: open.renewals };
      return (await table.update(keyOf(open.deliveryId), { set: { owner } }, { equals: unchanged })).ok;
    },
    async removeOld(now) {
      for await (const { sk, [DELETE_AFTER]: until } of table.list(pk))
        if (Number(until) * 1_000 <= now) await table.remove({ pk, sk });
    },
  };
}
