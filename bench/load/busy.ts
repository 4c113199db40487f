import { z } from 'zod';
import { buttonOf } from '../../sandbox/people.ts';
import { percentile, type Report, rounded } from '../report.ts';
import { type LoadRig, readProcess, startLoadRig } from './rig.ts';

const IN_FLIGHT = 1_000;
const LATENCY_MS = 2_000;
const PER_MINUTE = 30_000;
const PEOPLE = 50;
/** Until the first images have ended, and the code is compiled. */
const WARM_UP_MS = 10_000;
const MEASURED_MS = 90_000;
const ROUND_EVERY_MS = 6_000;
const MINUTE_MS = 60_000;

const sleep = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/**
 * A run of the whole bot with 1,000 invocations of 2 s in flight, 30,000 images a minute, for 90 s, and 50 people who use it
 * meanwhile: they type, click buttons and submit forms, all at the same moment, in several rounds.
 */
export async function runBusyBenchmark(report: Report): Promise<void> {
  const total = Math.ceil((PER_MINUTE * (WARM_UP_MS + MEASURED_MS + 30_000)) / MINUTE_MS);
  const rig = await startLoadRig({
    images: total,
    people: PEOPLE,
    settings: { MAX_IN_FLIGHT: '1500', CONCURRENCY_PERCENT: '100', LOG_LEVEL: 'warn' },
  });
  try {
    await rig.function({ latencyMs: LATENCY_MS, failing: 0 });
    // No plan can be made during a run.
    const office = await openOffice(rig);
    await rig.startRun(`pace=${PER_MINUTE}`);
    while ((await rig.seen()).total < IN_FLIGHT) await sleep(200);
    await sleep(WARM_UP_MS);
    const pid = rig.bot.status().pid ?? Number.NaN;
    const before = { ...readProcess(pid), ...(await rig.seen()), at: performance.now() };
    const inFlight: number[] = [];
    while (performance.now() < before.at + MEASURED_MS) {
      const next = performance.now() + ROUND_EVERY_MS;
      await office.round();
      inFlight.push((await rig.seen()).inFlight);
      await sleep(Math.max(0, next - performance.now()));
    }
    const after = { ...readProcess(pid), ...(await rig.seen()), at: performance.now() };
    if (office.waited.length === 0) throw new Error('Nobody asked anything.');
    const cpuSeconds = after.cpuSeconds - before.cpuSeconds;
    const images = after.total - before.total;
    const windows = startsInWindows((await rig.starts()).slice(before.total, after.total));
    const name = (figure: string) => `load.busy.${figure}`;
    const goal = 'within 2';
    report({ name: name('in_flight'), value: percentile(inFlight, 0.5), unit: 'invocations', highest: after.highest });
    report({ name: name('pace_error_percent'), value: worstError(windows), unit: '%', goal, ...windows });
    report({
      name: name('worst_window'),
      value: windows.most,
      unit: 'images in 60 s',
      goal: `at most ${PER_MINUTE.toLocaleString('en')}`,
    });
    report({
      name: name('cpu_percent'),
      value: rounded((100_000 * cpuSeconds) / (after.at - before.at), 0),
      unit: '% of one core',
    });
    report({ name: name('cpu_ms_per_image'), value: rounded((1_000 * cpuSeconds) / images, 3), unit: 'ms', images });
    report({ name: name('peak_rss_mb'), value: rounded(after.peakMb, 0), unit: 'MB', goal: 'under 256' });
    report({ name: name('not_acknowledged'), value: office.notAcknowledged(), unit: 'requests', goal: '0' });
    for (const [kind, waited] of [['all', office.waited] as const, ...office.waitedByKind]) {
      const suffix = kind === 'all' ? '' : `.${kind}`;
      report({ name: `${name('ack_p50_ms')}${suffix}`, value: rounded(percentile(waited, 0.5), 0), unit: 'ms' });
      report({
        name: `${name('ack_p99_ms')}${suffix}`,
        value: rounded(percentile(waited, 0.99), 0),
        unit: 'ms',
        goal: 'under 500',
        requests: waited.length,
      });
    }
  } finally {
    await rig.close();
  }
}

/** The most and the fewest starts in any 60 s. */
export function startsInWindows(starts: readonly number[]): { readonly most: number; readonly fewest: number } {
  const last = starts.at(-1) ?? 0;
  let most = 0;
  let fewest = Number.POSITIVE_INFINITY;
  let end = 0;
  for (let first = 0; first < starts.length; first += 1) {
    const from = starts[first] ?? 0;
    if (from + MINUTE_MS > last) break;
    while (end < starts.length && (starts[end] ?? 0) < from + MINUTE_MS) end += 1;
    most = Math.max(most, end - first);
    fewest = Math.min(fewest, end - first);
  }
  return { most, fewest };
}

const worstError = ({ most, fewest }: ReturnType<typeof startsInWindows>): number =>
  rounded((100 * Math.max(Math.abs(most - PER_MINUTE), Math.abs(PER_MINUTE - fewest))) / PER_MINUTE);

const JSON_TYPE = { 'content-type': 'application/json' };
const viewsSchema = z.looseObject({ views: z.record(z.string(), z.array(z.looseObject({ id: z.string() }))) });

/** The people, and a plan whose buttons they use. */
async function openOffice({ people, names, slack }: LoadRig) {
  const waited: number[] = [];
  const waitedByKind = new Map<string, number[]>();
  /** Requests that reached no connection: Slack shows the person that they failed. */
  let notAcknowledged = 0;
  const [planner = ''] = names;
  await people.command(planner, '/rescan start keep limit=10 pace=60');
  const plan = await people.sees(/plan_change/);
  const change = buttonOf(plan, /^plan_change$/);

  async function asked(kind: string, answer: Promise<Record<string, unknown>>): Promise<void> {
    const { acknowledgedInMs } = await answer;
    if (typeof acknowledgedInMs !== 'number') {
      notAcknowledged += 1;
      return;
    }
    waited.push(acknowledgedInMs);
    waitedByKind.set(kind, [...(waitedByKind.get(kind) ?? []), acknowledgedInMs]);
  }
  let rounds = 0;
  return {
    waited,
    waitedByKind,
    notAcknowledged: () => notAcknowledged,
    /** Every one of them does something at the same moment: a third types, a third clicks, a third submits its form. */
    async round(): Promise<void> {
      const turn = rounds;
      rounds += 1;
      const { views } = viewsSchema.parse(await (await fetch(`${slack.url}/sandbox/state`)).json());
      const does = async (person: string, at: number): Promise<void> => {
        const part = (at + turn) % 3;
        if (part === 0) return asked('command', people.command(person, '/rescan status'));
        if (part === 1) return asked('button', people.click(person, plan.ts, change));
        // It was opened in the round before; in the first one there is none.
        const form = views[`U0${person.toUpperCase()}`]?.at(-1);
        if (form === undefined) return asked('command', people.command(person, '/rescan status'));
        await asked('form', people.submit(person, form.id, { pace: 'as fast as possible' }));
        const body = JSON.stringify({ user: person, viewId: form.id });
        await fetch(`${slack.url}/sandbox/close`, { method: 'POST', headers: JSON_TYPE, body });
      };
      await Promise.all(names.map(does));
    },
  };
}
