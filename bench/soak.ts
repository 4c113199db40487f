import { readFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { z } from 'zod';
import { type People, wholeText } from '../sandbox/people.ts';
import { workRound } from '../test/faults/soak/work-round.ts';
import { startTestSandbox } from '../test/support/rigs/sandbox.ts';
import { untilTaken } from './load/rig.ts';
import { type Report, rounded } from './report.ts';

const MINUTES = Number(process.env.BENCH_MINUTES ?? 10);
const MINUTE_MS = 60_000;
const HELD_EVERY_MS = 5_000;
/** The first part warms up: caches fill, connections are opened, code is compiled. */
const WARM_UP_SHARE = 0.3;
const WITHIN_MS = 120_000;
const WATCHED_BOT = fileURLToPath(new URL('./load/watched-bot.ts', import.meta.url));

const heldSchema = z.object({
  at: z.number(),
  heapMb: z.number(),
  rssMb: z.number(),
  timers: z.number(),
  pools: z.number(),
  others: z.number(),
  descriptors: z.number(),
  listeners: z.number(),
  abortListeners: z.number(),
});
type Held = z.infer<typeof heldSchema>;

/** The whole product works for BENCH_MINUTES (10): backups, runs, approvals, new connections of Slack. What the bot holds must not grow. */
export async function runSoakBenchmark(report: Report): Promise<void> {
  const held = join(tmpdir(), `rescan-held-${process.pid}.jsonl`);
  const here = await startTestSandbox({
    images: 60,
    seedTable: 'full',
    botMain: WATCHED_BOT,
    settings: { BENCH_HELD: held, BENCH_HELD_MS: String(HELD_EVERY_MS), APPROVAL_MINUTES: '0.5' },
  });
  let rounds = 0;
  try {
    await here.world.set({
      latencyMs: 50,
      concurrency: { account: 10_000, unreserved: 10_000 },
      quotas: { novaLiteCrossRegionRequestsPerMinute: 60_000 },
    });
    const url = here.sandbox.slack?.url ?? '';
    const until = performance.now() + MINUTES * MINUTE_MS;
    for (; performance.now() < until; rounds += 1) {
      const since =
        (await shownTo(here.people))
          .map(({ ts }) => ts)
          .sort()
          .at(-1) ?? '';
      await workRound(
        {
          say: (text, user = 'operator') => untilTaken(() => here.people.command(user, `/rescan ${text}`)),
          click: (...press) => untilTaken(() => here.people.click(...press)),
          sees: (what) => seesSince(here.people, what, since),
          post: (path, body) =>
            fetch(`${url}/sandbox/${path}`, {
              method: 'POST',
              headers: { 'content-type': 'application/json' },
              body: JSON.stringify(body),
            }),
        },
        rounds,
      );
    }
  } finally {
    await here.close();
  }
  const samples = readFileSync(held, 'utf8')
    .trim()
    .split('\n')
    .map((line) => heldSchema.parse(JSON.parse(line)));
  const warm = samples.slice(Math.floor(samples.length * WARM_UP_SHARE));
  const figure = (name: keyof Held, unit: string) => {
    const values = warm.map((sample) => sample[name]);
    report({
      name: `soak.${name}_an_hour`,
      value: rounded(slopePerHour(leastOfEachMinute(warm, name)), 1),
      unit: `${unit} an hour`,
      goal: 'about 0',
      least: rounded(Math.min(...values), 1),
      most: rounded(Math.max(...values), 1),
      last: rounded(values.at(-1) ?? Number.NaN, 1),
      rounds,
      minutes: MINUTES,
    });
  };
  figure('rssMb', 'MB');
  figure('heapMb', 'MB');
  for (const name of ['descriptors', 'pools', 'timers', 'others', 'listeners', 'abortListeners'] as const)
    figure(name, name);
}

const shownTo = async (people: People) => [...(await people.messages()), ...(await people.ephemerals())];

async function seesSince(people: People, what: RegExp, since: string) {
  const end = performance.now() + WITHIN_MS;
  for (;;) {
    const ofRound = (await shownTo(people)).filter(({ ts }) => ts > since);
    const found = ofRound.findLast((message) => what.test(wholeText(message)));
    if (found) return found;
    if (performance.now() > end)
      throw new Error(`No message matches ${what}:\n${ofRound.map(({ text }) => text).join('\n')}`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

interface Point {
  /** Epoch ms. */
  readonly at: number;
  readonly value: number;
}

/** What is in use for a moment comes and goes with the work. What is never given back raises the least value, too. */
function leastOfEachMinute(samples: readonly Held[], name: keyof Held): readonly Point[] {
  const minutes = Map.groupBy(samples, ({ at }) => Math.floor((at - (samples[0]?.at ?? 0)) / MINUTE_MS));
  return [...minutes.values()].map((minute) => ({
    at: minute[0]?.at ?? 0,
    value: Math.min(...minute.map((sample) => sample[name])),
  }));
}

/** The slope of a straight line through the points (least squares). */
function slopePerHour(points: readonly Point[]): number {
  const mean = (values: readonly number[]) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const hours = points.map(({ at }) => at / 3_600_000);
  const [x, y] = [mean(hours), mean(points.map(({ value }) => value))];
  const above = points.reduce((sum, { value }, index) => sum + ((hours[index] ?? x) - x) * (value - y), 0);
  const below = hours.reduce((sum, hour) => sum + (hour - x) ** 2, 0);
  return above / below;
}
