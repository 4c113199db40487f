import { dirname, join } from 'node:path';
import { DynamoDBClient, GetItemCommand } from '@aws-sdk/client-dynamodb';
import { z } from 'zod';
import { OBSERVER } from '../../sandbox/aws/callers.ts';
import { type BotAction, type BotProcess, createBotProcess } from '../../sandbox/bot-process.ts';
import { buttonOf, type SeenMessage, wholeText } from '../../sandbox/people.ts';
import { createPipelineReader, type PipelineReader } from '../../sandbox/tour/pipeline-reader.ts';
import type { Random } from '../../src/lib/clock.ts';
import { startTestSandbox, type TestSandbox } from '../support/rigs/sandbox.ts';
import type { Disturbance } from './disturbances.ts';
import { watchMessages } from './message-truth.ts';

/** The longest wait for a message. The machine may be busy with other tests. */
const WITHIN_MS = 90_000;
/** How long a person sees nothing move before asking again. */
const PATIENCE_MS = 20_000;
/** A work is over when no message has come for this long. */
const QUIET_MS = 1_000;
const QUIET_WITHIN_MS = 10_000;
/** How often a person asks again for work that ended without an effect. */
const MOST_REQUESTS = 4;
/** The answer to a request while an earlier one is carried out. */
const IN_PROGRESS = /is in progress\. Only one can run at a time/;
export class InProgressError extends Error {
  override readonly name = 'InProgressError';
}

export const FAST = {
  latencyMs: { min: 50, max: 300 },
  addedLatencyMs: 10,
  updateMs: 300,
  quotas: { novaLiteCrossRegionRequestsPerMinute: 60_000, novaLiteCrossRegionTokensPerMinute: 400_000_000 },
  concurrency: { account: 10_000, unreserved: 10_000 },
};

/** One kind of work, from its request to its end. */
export interface Work {
  readonly name: string;
  /** Asks for it, with the approval where it needs one. */
  ask(round: Round): Promise<void>;
  /** What a person does when the disturbance is over. */
  readonly afterwards?: (round: Round) => Promise<void>;
  /** How a person asks again; `ask` where it is absent. */
  readonly askAgain?: (round: Round) => Promise<void>;
  /** The disturbance begins within this time after `ask`, ms. */
  readonly spanMs: number;
  /** How long a person waits before asking again, ms. */
  readonly patienceMs?: number;
  /** The message that says that it is done. */
  readonly done: RegExp;
  /** What a person reads where nothing was done; the person asks again. */
  readonly nothingDone: RegExp;
  /** What nobody may read, because nothing happened that needs a person. */
  readonly neverSaid?: RegExp;
  /** Compares AWS with what had to be done; throws where it differs. */
  check(round: Round, disturbed: Span): Promise<void>;
}

/** One process of the bot. */
export interface Copy {
  /** Returns when the action is complete: after `start` the copy is connected. */
  do(action: BotAction): Promise<void>;
  pid(): number;
  close(): Promise<void>;
}

export interface RoundOptions {
  /** How many processes of the bot there are from the start. Default: 1. */
  readonly copies?: number;
  /** How far the clock of the machine of each copy is ahead of AWS's, ms; behind: negative. */
  readonly clocksAheadMs?: readonly number[];
}

/** From the beginning to the end of a disturbance, epoch ms. */
export interface Span {
  readonly from: number;
  readonly to: number;
}

/** The whole product, in which one work after the other is done while something goes wrong. */
export interface Round {
  readonly here: TestSandbox;
  readonly pipeline: PipelineReader;
  /** Values that one work keeps for later ones. */
  readonly shared: { backupId: string; invokedBefore: number; machineInstalled: boolean };
  /** Every process of the bot, dead ones included. */
  readonly copies: readonly Copy[];
  /** The newest message since the work was asked for, waiting for it. */
  sees(what: RegExp): Promise<SeenMessage>;
  /** A person is about to type: what is there already does not answer it. */
  beginAsking(): Promise<void>;
  /** The newest message since a person last typed something, waiting for it. */
  answer(what: RegExp): Promise<SeenMessage>;
  /** Whether there is such a message since the work was asked for. */
  hasSeen(what: RegExp): Promise<boolean>;
  approve(what: RegExp): Promise<void>;
  /** The copy that has a lease of the pipeline, if one has. */
  holder(): Promise<Copy | undefined>;
  /** How often a process took a lease of the pipeline so far. */
  takeOvers(): Promise<number>;
  /** Starts one more process of the bot. */
  startCopy(aheadMs?: number): Promise<Copy>;
  /** Does a work, disturbed from a random moment on. Returns how often a person had to ask. */
  play(work: Work, random: Random, disturbance: Disturbance): Promise<number>;
  /** Ends it. Returns what was said that was not true. */
  end(): Promise<{ readonly untrue: readonly string[]; readonly seen: number; readonly checked: number }>;
}

/** What `find` finds within the time from now, and from the last sign of life; undefined after it. */
async function within<T>(
  ms: number,
  find: () => Promise<T | undefined>,
  lastSign: () => number = () => 0,
): Promise<T | undefined> {
  const from = Date.now();
  for (;;) {
    const found = await find();
    if (found !== undefined || Date.now() > Math.max(from, lastSign()) + ms) return found;
    await sleep(50);
  }
}

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

const SHIFTED_CLOCK = new URL('../support/rigs/shifted-clock.ts', import.meta.url).href;
/** The environment of a process whose machine's clock is ahead of AWS's. */
const withClock = (aheadMs = 0): Record<string, string> =>
  aheadMs === 0 ? {} : { NODE_OPTIONS: `--import=${SHIFTED_CLOCK}`, TEST_CLOCK_AHEAD_MS: String(aheadMs) };

export async function startRound(
  images: number,
  settings: Record<string, string> = {},
  { copies: numberOfCopies = 1, clocksAheadMs = [] }: RoundOptions = {},
): Promise<Round> {
  const here = await startTestSandbox({
    images,
    seedTable: 'full',
    settings: { SAMPLE_IMAGES: '0', ...settings, ...withClock(clocksAheadMs[0]) },
  });
  const { people, world } = here;
  const pipeline = createPipelineReader(here.sandbox.aws?.url ?? '');
  await world.set(FAST);
  const shared = { backupId: '', invokedBefore: 0, machineInstalled: false };
  let since = '';
  let previous: Work | undefined;
  const approved = new Set<string>();
  /** When a person asked for something, epoch ms. */
  let requested: number[] = [];
  const messages = await watchMessages(here.sandbox.slack?.url ?? '', {
    pipeline,
    world,
    invokedBefore: () => shared.invokedBefore,
    askedAt: () => requested.at(-1) ?? 0,
    hasApproved: (ts) => approved.has(ts),
  });

  const control = new DynamoDBClient({
    endpoint: here.sandbox.aws?.url ?? '',
    region: 'us-east-1',
    credentials: { accessKeyId: OBSERVER, secretAccessKey: OBSERVER },
  });
  /** The records of the leases of the pipeline. */
  async function leases() {
    const found = await Promise.all(
      ['', '#backup'].map((part) =>
        control.send(
          new GetItemCommand({
            TableName: 'rescan-bot-control',
            Key: { pk: { S: `lease#TimesheetOCR-ocr-dev${part}` }, sk: { S: 'lease' } },
            ConsistentRead: true,
          }),
        ),
      ),
    );
    return found.flatMap(({ Item }) => (Item ? [Item] : []));
  }
  const takeOvers = async () => (await leases()).reduce((sum, { fence }) => sum + Number(fence?.N ?? 0), 0);
  async function holder(): Promise<Copy | undefined> {
    const held = (await leases()).find(({ free }) => free?.BOOL === false);
    // HOST/PID/…
    const [, pid] = held?.holder?.S?.split('/') ?? [];
    return copies.find((copy) => String(copy.pid()) === pid);
  }
  /** Of two processes that both change something, the second one must have taken the lease. */
  async function checkDrivers(before: { readonly at: number; readonly takeOvers: number }): Promise<void> {
    const calls = (await world.calls()).filter(({ at }) => at >= before.at);
    const changes = calls.filter(({ caller }, index) => index > 0 && caller !== calls[index - 1]?.caller).length;
    const taken = (await takeOvers()) - before.takeOvers;
    if (changes > taken) throw new Error(`Two processes worked at once: ${changes} changes, ${taken} leases taken.`);
  }
  /** No message of the channel or of a thread is there twice. */
  async function checkOnce({ name, done }: Work): Promise<void> {
    // An alert that a run is stopping is edited to how it ended, which is a message of its own as well.
    const unedited = (await recent()).filter(({ editedTs }) => editedTs === undefined);
    const said = unedited.map(({ threadTs = '', text }) => `${threadTs} ${text}`);
    const twice = said.filter((text, index) => said.indexOf(text) !== index);
    if (twice.length > 0) throw new Error(`${name}: said twice: ${twice.join('\n')}`);
    // The live message shows the end, and a message of its own says it.
    const ends = (await recent()).filter((message) => done.test(wholeText(message)));
    if (ends.length > 2) throw new Error(`${name}: its end was said twice: ${ends.map(({ text }) => text).join('\n')}`);
  }

  /** Also what reaches the operator directly, while the channel is closed. */
  const recent = async () =>
    [...(await people.messages()), ...(await people.messages('D0OPERATOR'))].filter(({ ts }) => ts > since);
  const recentToOne = async () => (await people.ephemerals()).filter(({ ts }) => ts > since);
  async function newest(what: RegExp, after = since): Promise<SeenMessage | undefined> {
    return [...(await recent()), ...(await recentToOne())].findLast(
      (message) => message.ts > after && what.test(wholeText(message)),
    );
  }
  let typedAfter = '';
  const texts = async () => [...(await recent()), ...(await recentToOne())].map(({ text }) => `- ${text}`).join('\n');
  async function sees(what: RegExp, after?: string): Promise<SeenMessage> {
    const found = await within(WITHIN_MS, () => newest(what, after));
    if (!found) throw new Error(`No message matches ${what}:\n${await texts()}`);
    return found;
  }

  const slackState = z.looseObject({ connections: z.array(z.looseObject({ id: z.string() })) });
  async function connections(): Promise<readonly string[]> {
    const state = slackState.parse(await (await fetch(`${here.sandbox.slack?.url}/sandbox/state`)).json());
    return state.connections.map(({ id }) => id);
  }
  const copies: Copy[] = [];
  function copyOf(bot: BotProcess): Copy {
    const copy: Copy = {
      async do(action) {
        // One of a copy that was killed may still be among them.
        const before = new Set(await connections());
        await bot.do(action);
        if (action !== 'start') return;
        if (!(await within(WITHIN_MS, async () => (await connections()).some((id) => !before.has(id)) || undefined)))
          throw new Error('A copy of the bot did not connect.');
      },
      pid: () => bot.status().pid ?? Number.NaN,
      async close() {
        copies.splice(copies.indexOf(copy), 1);
        await bot.close();
      },
    };
    copies.push(copy);
    return copy;
  }
  if (here.sandbox.bot) copyOf(here.sandbox.bot);
  let started = copies.length;
  async function startCopy(aheadMs?: number): Promise<Copy> {
    started += 1;
    const name = `copy-${started}`;
    const copy = copyOf(
      createBotProcess({
        // The local AWS knows its callers by their access key id.
        environment: { ...here.environment, ...withClock(aheadMs), AWS_ACCESS_KEY_ID: name },
        logPath: join(dirname(here.logPath), `${name}.log`),
        isUp: async () => true,
      }),
    );
    await copy.do('start');
    return copy;
  }
  for (let number = 1; number < numberOfCopies; number += 1) await startCopy(clocksAheadMs[number]);

  /** The end is in the live message and in one of its own, which may come later: both are compared with the state after this work. */
  async function quiet(): Promise<void> {
    await within(QUIET_WITHIN_MS, async () => (Date.now() - messages.lastAt() > QUIET_MS ? true : undefined));
  }

  /** An error says what people read. */
  const withTexts = (act: Work['ask']) =>
    act(round).catch(async (cause: unknown) => {
      throw new Error(`${cause instanceof Error ? cause.message : cause}\n${await texts()}`, { cause });
    });

  /** @throws InProgressError where the bot answers that what is asked for is in progress */
  async function answer(what: RegExp): Promise<SeenMessage> {
    const found = await sees(new RegExp(`${what.source}|${IN_PROGRESS.source}`), typedAfter);
    if (!what.test(wholeText(found))) throw new InProgressError(wholeText(found));
    return found;
  }

  const round: Round = {
    here,
    pipeline,
    shared,
    copies,
    holder,
    takeOvers,
    startCopy,
    sees: (what) => sees(what),
    async beginAsking() {
      const all = [...(await people.messages()), ...(await people.ephemerals())];
      typedAfter = all.reduce((newest, { ts }) => (ts > newest ? ts : newest), '');
    },
    answer,
    hasSeen: async (what) => (await newest(what)) !== undefined,
    async approve(what) {
      const asked = await answer(what);
      approved.add(asked.ts);
      await people.click('approver', asked.ts, buttonOf(asked, /approve/));
    },
    async play(work, random, disturbance) {
      // Only now, because a second message may come after the first one.
      if (previous) await checkOnce(previous);
      since = (await people.messages()).at(-1)?.ts ?? '';
      const before = { at: Date.now(), takeOvers: await takeOvers() };
      shared.invokedBefore = (await world.invocations()).total;
      requested = [Date.now()];
      await withTexts(work.ask);
      await sleep(random() * work.spanMs);
      const from = Date.now();
      const end = await disturbance.begin(round, random);
      await sleep(random() * disturbance.forMs);
      await end();
      const disturbed = { from, to: Date.now() };
      await work.afterwards?.(round);
      for (let requests = 1; ; requests += 1) {
        // The request itself may be lost with the process. A person who sees nothing asks again.
        const withinMs = requests === MOST_REQUESTS ? WITHIN_MS : (work.patienceMs ?? PATIENCE_MS);
        const end = await within(
          withinMs,
          async () => {
            const wrong = work.neverSaid && (await newest(work.neverSaid));
            if (wrong) throw new Error(`${work.name}: ${wholeText(wrong)}`);
            return (await newest(work.done)) ?? (await newest(work.nothingDone));
          },
          messages.lastAt,
        );
        if (end && work.done.test(wholeText(end))) {
          await work.check(round, disturbed).catch(async (error: unknown) => {
            const why = error instanceof Error ? error.message : String(error);
            throw new Error(`${why}\nafter ${requests} requests:\n${await texts()}`, { cause: error });
          });
          await checkDrivers(before);
          await quiet();
          await messages.settle(requested);
          previous = numberOfCopies > 1 && requests === 1 ? work : undefined;
          return requests;
        }
        if (requests === MOST_REQUESTS) throw new Error(`${work.name} was never done:\n${await texts()}`);
        since = end?.ts ?? since;
        requested.push(Date.now());
        await withTexts(work.askAgain ?? work.ask).catch((error: Error) => {
          // It went on by itself while the person asked again.
          if (!(error.cause instanceof InProgressError)) throw error;
        });
      }
    },
    async end() {
      const said = await messages.end();
      pipeline.close();
      control.destroy();
      await Promise.all(copies.slice(1).map((copy) => copy.close()));
      await here.close();
      return said;
    },
  };
  return round;
}
