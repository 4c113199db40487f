import { fileURLToPath } from 'node:url';
import type { Report } from '../report.ts';
import { type LoadRig, NEVER_TRIPS, startLoadRig } from './rig.ts';

const FAST_BOT = fileURLToPath(new URL('./fast-bot.ts', import.meta.url));
/** The hour takes three minutes. */
const CLOCK_FACTOR = 20;
const HOUR_MS = 3_600_000;
const LATENCY_MS = 2_000;
const FAILING = 0.98;
/** PROGRESS_CRON is read on the machine's clock: this is every five minutes of the bot's clock. */
const PROGRESS_CRON = `*/${300 / CLOCK_FACTOR} * * * * *`;
const EDIT_MS = 3_000;

/**
 * What the bot may send about a run that takes an hour, whatever fails in it: an edit every 3 s; a progress post every five minutes;
 * and for the run as a whole its plan, start, first failure of a type, warnings, end, report and CSV.
 */
const MOST_EDITS = HOUR_MS / EDIT_MS + 20;
const MOST_MESSAGES = 12 + 20;

/** Everything that the bot sends to Slack during a run of an hour in which nearly every image fails, by the number of failures. */
export async function runFailuresBenchmark(report: Report): Promise<void> {
  for (const failures of [100, 10_000]) {
    const images = Math.ceil(failures / FAILING);
    const rig = await startLoadRig({
      images,
      clockFactor: CLOCK_FACTOR,
      botMain: FAST_BOT,
      settings: { ...NEVER_TRIPS, LEASE_SECONDS: '300', LOG_LEVEL: 'warn', PROGRESS_CRON },
    });
    try {
      const sent = await sentDuringRun(rig, images);
      const about = { failures, ...Object.fromEntries(sent) };
      const all = [...sent.values()].reduce((sum, count) => sum + count, 0);
      const figure = (name: string, value: number, goal?: number) =>
        report({
          name: `load.failures_${failures}.${name}`,
          value,
          unit: name,
          ...(goal === undefined ? {} : { goal: `at most ${goal.toLocaleString('en')}` }),
          ...about,
        });
      figure('messages', sent.get('chat.postMessage') ?? 0, MOST_MESSAGES);
      figure('edits', sent.get('chat.update') ?? 0, MOST_EDITS);
      figure('requests', all);
    } finally {
      await rig.close();
    }
  }
}

/** The requests to Slack from the start of a run to the CSV of its failures, by method. */
async function sentDuringRun(rig: LoadRig, images: number): Promise<ReadonlyMap<string, number>> {
  await rig.function({ latencyMs: LATENCY_MS / CLOCK_FACTOR, failing: FAILING });
  const before = new Map(rig.requests);
  await rig.startRun(`pace=${Math.max(1, Math.round((images * 60_000) / HOUR_MS))}`);
  const withinMs = (3 * HOUR_MS) / CLOCK_FACTOR;
  await rig.people.sees(/is complete/, { withinMs });
  await rig.people.file(/failed-images/, withinMs);
  const { total } = await rig.seen();
  if (total < images) throw new Error(`Only ${total} of ${images} images were invoked`);
  return new Map([...rig.requests].map(([name, count]) => [name, count - (before.get(name) ?? 0)]));
}
