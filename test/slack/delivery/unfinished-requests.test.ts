import { WebAPIPlatformError, WebAPIRateLimitedError } from '@slack/web-api';
import { expect, test } from 'vitest';
import { createUnfinishedRequests } from '../../../src/slack/delivery/unfinished-requests.ts';
import { createAcceptor } from '../../../src/slack/intake/accept.ts';
import { createDeliveryClaims } from '../../../src/state/delivery-claims.ts';
import { failOnWarning } from '../../support/fail-on-warning.ts';
import { createMemoryControlTable } from '../../support/memory/memory-control-table.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const PAUSE = { who: 'U1', what: '/rescan pause', shownAs: '/rescan pause', channel: 'C1', isAudited: true };
const refused = (error: string) => new WebAPIPlatformError({ ok: false, error });

/** Processes of the bot that share a control table and a clock, and what people read. */
function bots() {
  const { as } = createMemoryControlTable();
  const clock = createFakeClock();
  const read: string[] = [];
  const audited: string[] = [];
  const errors: string[] = [];
  /** What Slack answers to the next posts. */
  const failures: (Error | 'ok')[] = [];
  /** While it is set, no process reaches the control table. */
  const outage: { error?: Error } = {};
  const onError = (_: unknown, message: string) => void errors.push(message);

  async function post(where: string, text: string): Promise<string> {
    const failure = failures.shift() ?? 'ok';
    if (failure !== 'ok') throw failure;
    read.push(`${where}: ${text}`);
    return '1.0';
  }
  /** A process. Nothing that it writes arrives after `die`, and nothing of it is read. */
  function startProcess() {
    let isDead = false;
    const reach = () => {
      if (isDead) return new Promise<void>(() => {});
      if (outage.error) throw outage.error;
      return undefined;
    };
    const claims = createDeliveryClaims({
      table: as({ before: reach, beforeRead: reach }),
      name: 'ocr',
      warn: failOnWarning,
    });
    const acceptor = createAcceptor({ claims, clock, onError });
    const unfinished = createUnfinishedRequests({
      claims,
      acceptor,
      chat: {
        post: (person, { text }) => post(person, text),
        postEphemeral: async (channel, person, { text }) => void (await post(`${person} in ${channel}`, text)),
      },
      audit: ({ who, what, outcome }) => void audited.push(`${who} ${what} ${outcome}`),
      clock,
      random: () => 0.5,
      onError,
    });
    unfinished.start();
    return {
      claims,
      accept: acceptor.accept,
      close: unfinished.close,
      die() {
        isDead = true;
      },
    };
  }
  return { clock, read, audited, errors, failures, outage, startProcess };
}

test('A person is notified once, by one process, that the process with the request no longer responds', async () => {
  const { startProcess, clock, read, audited } = bots();
  const dying = startProcess();
  await dying.accept('a', PAUSE);
  dying.die();
  const processes = [startProcess(), startProcess()];
  await clock.advance(14_000);
  expect(read).toEqual([]);
  await clock.advance(2_000);
  expect(read).toHaveLength(1);
  expect(read[0]).toMatch(
    /^U1: The bot process that worked on your request of .* no longer responds: `\/rescan pause`/,
  );
  expect(read[0]).toMatch(/may have been carried out or not\. See the current state with `\/rescan status`/);
  await clock.advance(600_000);
  expect(read).toHaveLength(1);
  expect(audited).toEqual(['U1 /rescan pause interrupted: the process that worked on it no longer responded']);
  for (const process of processes) process.close();
});

test('Nobody is notified about a request that was carried out, or that a process still works on', async () => {
  const { startProcess, clock, read } = bots();
  const [working, other] = [startProcess(), startProcess()];
  await (await working.accept('a', PAUSE))?.finish();
  const slow = await working.accept('b', PAUSE);
  await clock.advance(600_000);
  expect((await Array.fromAsync(other.claims.open())).map(({ deliveryId }) => deliveryId)).toEqual(['b']);
  await slow?.finish();
  await clock.advance(600_000);
  expect(read).toEqual([]);
  expect(await Array.fromAsync(other.claims.open())).toEqual([]);
  for (const process of [working, other]) process.close();
});

test('Nobody is notified where only the control table failed, during the work and when it ended', async () => {
  const { startProcess, clock, read, outage } = bots();
  const [working, other] = [startProcess(), startProcess()];
  const ended = await working.accept('a', PAUSE);
  const slow = await working.accept('b', PAUSE);
  await clock.advance(7_000);
  outage.error = new Error('no table');
  const finishing = ended?.finish();
  await clock.advance(1_000);
  await finishing;
  // The claim of this one fails, and the request is carried out all the same.
  void (await working.accept('c', PAUSE))?.finish();
  await clock.advance(120_000);
  delete outage.error;
  await clock.advance(300_000);
  expect(read).toEqual([]);
  expect((await Array.fromAsync(other.claims.open())).map(({ deliveryId }) => deliveryId)).toEqual(['b']);
  void slow?.finish();
  await clock.advance(1_000);
  expect(await Array.fromAsync(other.claims.open())).toEqual([]);
  for (const process of [working, other]) process.close();
});

test('Nobody is notified after an outage of the control table, however long it was', async () => {
  const { startProcess, clock, read, outage } = bots();
  const [working, other] = [startProcess(), startProcess()];
  const slow = await working.accept('a', PAUSE);
  for (let outageMs = 60_000; outageMs < 80_000; outageMs += 700) {
    await clock.advance(20_000);
    outage.error = new Error('no table');
    await clock.advance(outageMs);
    delete outage.error;
    await clock.advance(90_000);
  }
  expect(read).toEqual([]);
  void slow?.finish();
  for (const process of [working, other]) process.close();
});

test('A process that was frozen does not announce what it works on itself, in whichever order its timers wake it', async () => {
  const { startProcess, clock, read } = bots();
  const frozen = startProcess();
  const slow = await frozen.accept('a', PAUSE);
  for (let times = 0; times < 20; times += 1) {
    await clock.advance(61_300);
    clock.jump(60_000);
  }
  expect(read).toEqual([]);
  void slow?.finish();
  frozen.close();
});

test('A renewal that has no answer does not keep the next one from being sent', async () => {
  const { as } = createMemoryControlTable();
  const clock = createFakeClock();
  let isHanging = false;
  const table = as({ before: () => (isHanging ? new Promise(() => {}) : undefined) });
  const claims = createDeliveryClaims({ table, name: 'ocr', warn: failOnWarning });
  const acceptor = createAcceptor({ claims, clock, onError: () => {} });
  await acceptor.accept('a', PAUSE);
  isHanging = true;
  await clock.advance(6_000);
  isHanging = false;
  await clock.advance(5_000);
  expect(await Array.fromAsync(claims.open(), ({ renewals }) => renewals)).toEqual([1]);
});

test('A claim that is stored although its answer was lost is finished with the request', async () => {
  const { as } = createMemoryControlTable();
  const clock = createFakeClock();
  let isLost = true;
  const table = as({
    after() {
      if (isLost) throw new Error('no answer');
    },
  });
  const claims = createDeliveryClaims({ table, name: 'ocr', warn: failOnWarning });
  const acceptor = createAcceptor({ claims, clock, onError: () => {} });
  const accepted = await acceptor.accept('a', PAUSE);
  isLost = false;
  expect(await Array.fromAsync(claims.open())).toHaveLength(1);
  await accepted?.finish();
  expect(await Array.fromAsync(claims.open())).toEqual([]);
});

test('A claim that is stored after its time limit is renewed and finished like every other one', async () => {
  const { as } = createMemoryControlTable();
  const clock = createFakeClock();
  let isSlow = true;
  const table = as({ before: () => (isSlow ? clock.sleep(1_100) : undefined) });
  const claims = createDeliveryClaims({ table, name: 'ocr', warn: failOnWarning });
  const acceptor = createAcceptor({ claims, clock, onError: () => {} });
  const accepting = acceptor.accept('a', PAUSE);
  await clock.advance(1_000);
  const accepted = await accepting;
  isSlow = false;
  await clock.advance(11_000);
  expect(await Array.fromAsync(claims.open(), ({ renewals }) => renewals)).toEqual([2]);
  await accepted?.finish();
  expect(await Array.fromAsync(claims.open())).toEqual([]);
});

test('A process that goes on notifies about the requests of one that ended later', async () => {
  const { startProcess, clock, read, audited } = bots();
  const goesOn = startProcess();
  await clock.advance(30_000);
  const dying = startProcess();
  await dying.accept('a', { who: 'U1', what: 'x', shownAs: 'Show failures', isAudited: false });
  await clock.advance(7_000);
  dying.die();
  await clock.advance(100_000);
  expect(read).toEqual([expect.stringMatching(/^U1: .*`Show failures`/)]);
  // What only reads is not in the audit.
  expect(audited).toEqual([]);
  goesOn.close();
});

test('A person is notified by another process where the first one ends before it has posted', async () => {
  const { startProcess, clock, read, failures } = bots();
  const dying = startProcess();
  await dying.accept('a', PAUSE);
  dying.die();
  failures.push(new Error('the network of this machine is gone'));
  const second = startProcess();
  await clock.advance(15_200);
  expect(read).toEqual([]);
  second.die();
  const third = startProcess();
  await clock.advance(60_000);
  expect(read).toHaveLength(1);
  for (const process of [second, third]) process.close();
});

test('A person is notified in the channel where Slack refuses the direct message, and others are not held up', async () => {
  const { startProcess, clock, read, failures, errors } = bots();
  const dying = startProcess();
  for (const [id, who] of Object.entries({ a: 'U1', b: 'U2', c: 'U3' })) await dying.accept(id, { ...PAUSE, who });
  dying.die();
  // The first one later, the second one in the channel, and the third one not at all.
  failures.push(new Error('no answer'), refused('messages_tab_disabled'), 'ok');
  failures.push(refused('messages_tab_disabled'), refused('user_not_in_channel'));
  const goesOn = startProcess();
  await clock.advance(15_100);
  expect(read).toEqual([expect.stringMatching(/^U2 in C1: /)]);
  expect(errors.at(-1)).toContain('The bot tries again');
  await clock.advance(60_000);
  expect(read).toEqual([expect.stringMatching(/^U2 in C1: /), expect.stringMatching(/^U1: /)]);
  await clock.advance(600_000);
  expect(read).toHaveLength(2);
  goesOn.close();
});

test('After a 429 of Slack nothing more is posted until its time has passed', async () => {
  const { startProcess, clock, read, failures } = bots();
  const dying = startProcess();
  for (const id of ['a', 'b']) await dying.accept(id, PAUSE);
  dying.die();
  failures.push(new WebAPIRateLimitedError(120));
  const goesOn = startProcess();
  await clock.advance(100_000);
  expect(read).toEqual([]);
  await clock.advance(120_000);
  expect(read).toHaveLength(2);
  goesOn.close();
});
