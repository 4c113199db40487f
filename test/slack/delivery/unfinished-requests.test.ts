import { WebAPIPlatformError } from '@slack/web-api';
import { expect, test } from 'vitest';
import { createUnfinishedRequests } from '../../../src/slack/delivery/unfinished-requests.ts';
import { createDeliveryClaim } from '../../../src/slack/intake/deduplicate.ts';
import { createDeliveryClaims } from '../../../src/state/delivery-claims.ts';
import { failOnWarning } from '../../support/fail-on-warning.ts';
import { createMemoryControlTable } from '../../support/memory/memory-control-table.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const PAUSE = { who: 'U1', what: '/rescan pause', shownAs: '/rescan pause', isRead: false, isAudited: true };
const refused = (error: string) => new WebAPIPlatformError({ ok: false, error });

/** Processes of the bot that share a control table and a clock, and what people read. */
function bots() {
  const { table, as } = createMemoryControlTable();
  const clock = createFakeClock();
  const read: string[] = [];
  const audited: string[] = [];
  const errors: string[] = [];
  /** What Slack answers to the next posts. */
  const failures: Error[] = [];
  const onError = (_: unknown, message: string) => void errors.push(message);
  const claimsOf = (seenTable = table) => createDeliveryClaims({ table: seenTable, name: 'ocr', warn: failOnWarning });

  async function say(where: string, text: string): Promise<string> {
    const failure = failures.shift();
    if (failure) throw failure;
    read.push(`${where}: ${text}`);
    return '1.0';
  }
  return {
    clock,
    read,
    audited,
    errors,
    failures,
    claims: claimsOf(),
    /** A process that accepts requests. Nothing that it writes arrives after `die`. */
    accepting() {
      let isDead = false;
      const mine = as({ before: () => (isDead ? new Promise(() => {}) : undefined) });
      const accept = createDeliveryClaim({ claims: claimsOf(mine), clock, onError });
      return {
        accept,
        die() {
          isDead = true;
        },
      };
    },
    /** A process that tells people. */
    telling() {
      const unfinished = createUnfinishedRequests({
        claims: claimsOf(),
        chat: {
          post: (person, { text }) => say(person, text),
          postEphemeral: async (channel, person, { text }) => void (await say(`${person} in ${channel}`, text)),
        },
        audit: ({ who, what, outcome }) => void audited.push(`${who} ${what} ${outcome}`),
        clock,
        random: () => 0.5,
        onError,
      });
      unfinished.start();
      return unfinished;
    },
  };
}

test('A person is notified once, by one process, that the bot stopped before it finished the request', async () => {
  const { accepting, telling, clock, read, audited } = bots();
  const dying = accepting();
  await dying.accept('a', { ...PAUSE, channel: 'C1' });
  dying.die();
  const processes = [telling(), telling()];
  await clock.advance(14_000);
  expect(read).toEqual([]);
  await clock.advance(2_000);
  expect(read).toHaveLength(1);
  expect(read[0]).toMatch(/^U1 in C1: The bot stopped before it finished your request of .*`\/rescan pause`/);
  expect(read[0]).toMatch(/It may have been carried out or not\.\nSee the current state with `\/rescan status`/);
  await clock.advance(600_000);
  expect(read).toHaveLength(1);
  expect(audited).toEqual(['U1 /rescan pause interrupted: the bot stopped before it finished the request']);
  for (const process of processes) process.close();
});

test('Nobody is notified about a request that was carried out, or that a process still works on', async () => {
  const { accepting, telling, clock, read, claims } = bots();
  const working = accepting();
  await (await working.accept('a', { ...PAUSE, channel: 'C1' }))?.finish();
  const slow = await working.accept('b', { ...PAUSE, channel: 'C1' });
  const unfinished = telling();
  await clock.advance(600_000);
  expect((await Array.fromAsync(claims.open())).map(({ deliveryId }) => deliveryId)).toEqual(['b']);
  await slow?.finish();
  await clock.advance(600_000);
  expect(read).toEqual([]);
  expect(await Array.fromAsync(claims.open())).toEqual([]);
  unfinished.close();
});

test('A process that goes on notifies about the requests of one that ended later', async () => {
  const { accepting, telling, clock, read, audited } = bots();
  const unfinished = telling();
  await clock.advance(30_000);
  const dying = accepting();
  await dying.accept('a', { ...PAUSE, shownAs: 'Show failures', isRead: true, isAudited: false });
  await clock.advance(7_000);
  dying.die();
  await clock.advance(100_000);
  // The request came from no channel, so the answer is a direct message. What is only read is not in the audit.
  expect(read).toHaveLength(1);
  expect(read[0]).toMatch(/^U1: .*`Show failures`\. Nothing was changed\.\nPlease try again\.$/);
  expect(audited).toEqual([]);
  unfinished.close();
});

test('A person is notified in a direct message where Slack refuses the channel, and later where Slack cannot be reached', async () => {
  const { accepting, telling, clock, read, failures, errors } = bots();
  const dying = accepting();
  await dying.accept('a', { ...PAUSE, channel: 'C1' });
  dying.die();
  failures.push(new Error('no network'), refused('is_archived'));
  const unfinished = telling();
  await clock.advance(15_100);
  expect(read).toEqual([]);
  expect(errors).toEqual([expect.stringContaining('The bot tries again')]);
  await clock.advance(60_000);
  expect(read).toEqual([expect.stringMatching(/^U1: The bot stopped/)]);
  unfinished.close();
});

test('A person whom Slack does not let the bot reach is not notified, and this holds up nobody', async () => {
  const { accepting, telling, clock, read, failures, audited } = bots();
  const dying = accepting();
  await dying.accept('a', { ...PAUSE, channel: 'C1' });
  await dying.accept('b', { ...PAUSE, who: 'U2', channel: 'C1' });
  dying.die();
  failures.push(refused('user_not_in_channel'), refused('cannot_dm_bot'));
  const unfinished = telling();
  await clock.advance(16_000);
  expect(read).toEqual([expect.stringMatching(/^U2 in C1/)]);
  expect(audited).toHaveLength(2);
  await clock.advance(600_000);
  expect(read).toHaveLength(1);
  unfinished.close();
});
