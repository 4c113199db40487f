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
  const { table, as } = createMemoryControlTable();
  const clock = createFakeClock();
  const read: string[] = [];
  const audited: string[] = [];
  const errors: string[] = [];
  /** What Slack answers to the next posts. */
  const failures: (Error | 'ok' | 'lost answer')[] = [];
  const shown = new Set<string>();
  /** While it is set, no process reaches the control table. */
  const outage: { error?: Error; renewal?: Promise<void> } = {};
  const onError = (_: unknown, message: string) => void errors.push(message);

  let held = Promise.resolve();
  /** Posts wait until what it returns is called. */
  function holdPosts(): () => void {
    let release = () => {};
    held = new Promise((resolve) => {
      release = resolve;
    });
    return release;
  }
  /** As Slack does, it shows a message with the same id once. */
  async function post(where: string, text: string, onceId: string): Promise<void> {
    await held;
    const failure = failures.shift() ?? 'ok';
    if (failure !== 'ok' && failure !== 'lost answer') throw failure;
    if (!shown.has(onceId)) read.push(`${where}: ${text}`);
    shown.add(onceId);
    if (failure === 'lost answer') throw new Error('no answer');
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
      table: as({ before: ({ set }) => reach() ?? ('owner' in set ? undefined : outage.renewal), beforeRead: reach }),
      name: 'ocr',
      warn: failOnWarning,
    });
    const acceptor = createAcceptor({ claims, clock, now: clock.now, random: () => 0.5, onError });
    const unfinished = createUnfinishedRequests({
      claims,
      acceptor,
      chat: {
        async postStored(person, { text }, _thread, onceId = '') {
          await post(person, text, onceId);
          return '1.0';
        },
        postEphemeral: (channel, person, { text }) => post(`${person} in ${channel}`, text, `${read.length}`),
      },
      audit: ({ who, what, outcome }) => void audited.push(`${who} ${what} ${outcome}`),
      clock,
      now: clock.now,
      random: () => 0.5,
      onError,
    });
    unfinished.start?.();
    return {
      claims,
      accept: acceptor.accept,
      idle: unfinished.idle,
      close: unfinished.close,
      die() {
        isDead = true;
      },
    };
  }
  return { table, clock, read, audited, errors, failures, outage, startProcess, holdPosts };
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

test('A claim is removed an hour after its request was carried out', async () => {
  const { startProcess, table, clock } = bots();
  const process = startProcess();
  await (await process.accept('a', PAUSE))?.finish();
  const stored = () => Array.fromAsync(table.list('deliveries#ocr'), ({ sk }) => sk);
  await clock.advance(3_540_000);
  expect(await stored()).toEqual(['a']);
  await clock.advance(180_000);
  expect(await stored()).toEqual([]);
  process.close();
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

test('A process that was frozen does not announce what it works on itself, although its list is read before its renewal', async () => {
  const { startProcess, clock, read, outage } = bots();
  const frozen = startProcess();
  // So that it freezes between a look, at 60 s, and the next renewal.
  await clock.advance(3_000);
  const slow = await frozen.accept('a', PAUSE);
  await clock.advance(57_000);
  for (let times = 0; times < 20; times += 1) {
    await clock.advance(1_300);
    clock.jump(60_000);
    outage.renewal = clock.sleep(1_000);
    await clock.advance(2_000);
    delete outage.renewal;
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
  const acceptor = createAcceptor({ claims, clock, now: clock.now, random: () => 0.5, onError: () => {} });
  await acceptor.accept('a', PAUSE);
  isHanging = true;
  await clock.advance(6_000);
  isHanging = false;
  await clock.advance(5_000);
  expect(await Array.fromAsync(claims.open(), ({ renewals }) => renewals)).toEqual([1]);
});

/** An acceptor on a table whose writes wait for what is given, and what another process does with its requests. */
function acceptorOn(write: { before?: () => Promise<void>; after?: () => Promise<void> | void }) {
  const { table, as } = createMemoryControlTable();
  const clock = createFakeClock();
  const claimsOn = (seen = table) => createDeliveryClaims({ table: seen, name: 'ocr', warn: failOnWarning });
  const acceptor = createAcceptor({
    claims: claimsOn(as(write)),
    clock,
    now: clock.now,
    random: () => 0.5,
    onError: () => {},
  });
  const other = claimsOn();
  return {
    table,
    clock,
    acceptor,
    other,
    async takeAll() {
      for await (const open of other.open()) await other.take(open, 'other');
    },
  };
}

test('A request that was taken while its process was frozen is not held any more, also where it froze during the claim', async () => {
  const frozen = acceptorOn({});
  const accepted = await frozen.acceptor.accept('a', PAUSE);
  expect(await accepted?.isHeld()).toBe(true);
  await frozen.takeAll();
  frozen.clock.jump(60_000);
  expect(await accepted?.isHeld()).toBe(false);

  const during = acceptorOn({
    async after() {
      await during.takeAll();
      during.clock.jump(60_000);
    },
  });
  const late = await during.acceptor.accept('a', PAUSE);
  expect(await late?.isHeld()).toBe(false);

  let isRenewal = false;
  const renewing = acceptorOn({
    async after() {
      if (!isRenewal) return;
      isRenewal = false;
      await renewing.takeAll();
      renewing.clock.jump(60_000);
    },
  });
  const renewed = await renewing.acceptor.accept('a', PAUSE);
  isRenewal = true;
  await renewing.clock.advance(5_000);
  expect(await renewed?.isHeld()).toBe(false);
});

test('A request whose claim another process has is not held, where that is known only after a second', async () => {
  const slow = acceptorOn({ before: () => slow.clock.sleep(1_500) });
  await slow.other.claim('a', 'other', { ...PAUSE, at: 1 });
  const accepting = slow.acceptor.accept('a', PAUSE);
  await slow.clock.advance(1_000);
  const accepted = await accepting;
  expect(await accepted?.isHeld()).toBe(true);
  await slow.clock.advance(500);
  expect(await accepted?.isHeld()).toBe(false);
});

test('A request is still held where its claim is gone, or the control table does not answer within a second', async () => {
  let isHanging = false;
  const here = acceptorOn({ before: () => (isHanging ? new Promise(() => {}) : Promise.resolve()) });
  const accepted = await here.acceptor.accept('a', PAUSE);
  // As where the control table was restored to an earlier time.
  await here.table.remove({ pk: 'deliveries#ocr', sk: 'a' });
  here.clock.jump(60_000);
  expect(await accepted?.isHeld()).toBe(true);
  isHanging = true;
  const asked = accepted?.isHeld();
  await here.clock.advance(1_000);
  expect(await asked).toBe(true);
});

test('Nothing is renewed or waits any more once a request is finished, taken by another process or released', async () => {
  const here = acceptorOn({});
  const [finished, taken, released] = [
    await here.acceptor.accept('a', PAUSE),
    await here.acceptor.accept('b', PAUSE),
    await here.acceptor.accept('c', PAUSE),
  ];
  await finished?.finish();
  await here.takeAll();
  await taken?.finish();
  released?.release();
  await here.clock.advance(10_000);
  expect(here.clock.sleeping()).toBe(0);
  expect(await Array.fromAsync(here.other.open(), ({ owner }) => owner)).toEqual(['other', 'other']);
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
  const acceptor = createAcceptor({ claims, clock, now: clock.now, random: () => 0.5, onError: () => {} });
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
  const acceptor = createAcceptor({ claims, clock, now: clock.now, random: () => 0.5, onError: () => {} });
  const accepting = acceptor.accept('a', PAUSE);
  await clock.advance(1_000);
  const accepted = await accepting;
  isSlow = false;
  await clock.advance(11_000);
  expect(await Array.fromAsync(claims.open(), ({ renewals }) => renewals)).toEqual([2]);
  await accepted?.finish();
  expect(await Array.fromAsync(claims.open())).toEqual([]);
});

test('A claim that is stored only after its request was answered is finished, too', async () => {
  let isSlow = true;
  const here = acceptorOn({ before: () => (isSlow ? here.clock.sleep(3_000) : Promise.resolve()) });
  const accepting = here.acceptor.accept('a', PAUSE);
  await here.clock.advance(1_000);
  isSlow = false;
  void (await accepting)?.finish();
  await here.clock.advance(10_000);
  expect(await here.table.read({ pk: 'deliveries#ocr', sk: 'a' })).toMatchObject({ isOpen: false });
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

test('A person reads the message once where Slack showed it and its answer was lost', async () => {
  const { startProcess, clock, read, failures } = bots();
  const dying = startProcess();
  await dying.accept('a', PAUSE);
  dying.die();
  failures.push('lost answer', 'lost answer');
  const goesOn = startProcess();
  await clock.advance(300_000);
  expect(failures).toEqual([]);
  expect(read).toHaveLength(1);
  expect(await Array.fromAsync(goesOn.claims.open())).toEqual([]);
  goesOn.close();
});

test('What ends while the bot stops is still finished, and what does not is announced by the next process', async () => {
  const { startProcess, clock, read } = bots();
  const stopping = startProcess();
  const ends = await stopping.accept('a', PAUSE);
  await stopping.accept('b', { ...PAUSE, who: 'U2' });
  await clock.advance(7_000);
  stopping.close();
  await clock.advance(1_000);
  await ends?.finish();
  const next = startProcess();
  await clock.advance(60_000);
  expect(read).toEqual([expect.stringMatching(/^U2: /)]);
  next.close();
});

test('A shutdown waits for a message that is on its way, and posts no further one', async () => {
  const { startProcess, clock, read, audited, holdPosts } = bots();
  const dying = startProcess();
  await dying.accept('a', PAUSE);
  await dying.accept('b', { ...PAUSE, who: 'U2' });
  dying.die();
  const stopping = startProcess();
  const release = holdPosts();
  await clock.advance(16_000);
  let isIdle = false;
  const idle = stopping.idle?.().then(() => {
    isIdle = true;
  });
  await clock.advance(0);
  expect(isIdle).toBe(false);
  stopping.close();
  release();
  await idle;
  await clock.advance(0);
  expect(read).toHaveLength(1);
  expect(audited).toHaveLength(1);
  expect((await Array.fromAsync(stopping.claims.open())).map(({ deliveryId }) => deliveryId)).toEqual(['b']);
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
