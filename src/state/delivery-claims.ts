import type { ControlTable } from './table/control-table.ts';
import { DELETE_AFTER } from './table/format.ts';

/** The requests that Slack delivered, each claimed by one process of the bot. */
export interface DeliveryClaims {
  /**
   * True for the first process that asks, false for every later one. `deliveryId`: the same at every delivery of a request.
   * `at`: epoch ms. @throws ControlTableError
   */
  claim(deliveryId: string, at: number): Promise<boolean>;
  /** Removes some of the claims that are older than an hour. Called after each claim, it removes all of them. @throws ControlTableError */
  removeOld(now: number): Promise<void>;
}

/** Slack delivers a request again within minutes, and a recorded one is valid for 5 minutes over HTTP. */
const KEPT_MS = 60 * 60_000;
const MOST_READ = 25;

/** In the control table: `deliveries#NAME` / `ID`. The ids are in no order of time. */
export function createDeliveryClaims({ table, name }: { table: ControlTable; name: string }): DeliveryClaims {
  const pk = `deliveries#${name}`;
  /** Where the next look for old claims begins. */
  let from = '';
  return {
    claim: (deliveryId, at) =>
      table.create({ pk, sk: deliveryId }, { [DELETE_AFTER]: Math.ceil((at + KEPT_MS) / 1_000) }),
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
