import { writeFileSync } from 'node:fs';
import { afterEach, describe, expect, test } from 'vitest';
import { z } from 'zod';
import { buttonOf } from '../../sandbox/people.ts';
import { type PipelineSandbox, startPipeline } from '../support/rigs/pipelines.ts';

/** Quotas so high that only the pace of the test limits the run. */
const WIDE = {
  quotas: { novaLiteCrossRegionRequestsPerMinute: 60_000 },
  concurrency: { account: 10_000, unreserved: 10_000 },
};

let here: PipelineSandbox;
afterEach(() => here.close());

async function startRun(words = 'pace=6000'): Promise<void> {
  await here.people.command('operator', `/rescan start keep ${words}`);
  const preview = await here.people.sees(/would invoke|Start/);
  await here.people.click('operator', preview.ts, buttonOf(preview, /start/));
}

const metricsSchema = z.object({
  metrics: z.array(
    z.object({
      namespace: z.string(),
      name: z.string(),
      dimensions: z.record(z.string(), z.string()),
      count: z.number(),
      sum: z.number(),
    }),
  ),
});

/** What the bot reported to CloudWatch about this kind of work, by metric. */
async function reportedWork(kind: string): Promise<Record<string, { count: number; sum: number }>> {
  const { metrics } = metricsSchema.parse(await (await fetch(`${here.sandbox.aws?.url}/sandbox/metrics`)).json());
  const own = metrics.filter(({ namespace, dimensions }) => namespace === 'RescanBot' && dimensions.Work === kind);
  return Object.fromEntries(own.map(({ name, count, sum }) => [name, { count, sum }]));
}

describe('a run', () => {
  test('a run invokes every image of the bucket once and records an outcome for each', async () => {
    here = await startPipeline();
    await here.world.set({ ...WIDE, latencyMs: 20 });
    await startRun();
    const end = await here.people.sees(/240 of 240/);
    expect(end.text).toMatch(/240/);
    const seen = await here.world.invocations();
    expect(Object.keys(seen.byKey)).toHaveLength(240);
    expect(Object.values(seen.byKey).every((times) => times === 1)).toBe(true);
    // CloudWatch learned that the run was active, and in every report that the bot drove it.
    const reported = await reportedWork('run');
    expect(reported.ActiveWork?.sum).toBeGreaterThanOrEqual(1);
    expect(reported.Heartbeat?.count).toBe(reported.ActiveWork?.count);
  });

  test('a run in which every image fails trips after 10 failures in a row', async () => {
    here = await startPipeline();
    await here.world.set({ ...WIDE, latencyMs: 20, failures: [{ rate: 1, kind: 'textract' }] });
    await startRun('pace=600');
    const trip = await here.people.sees(/stopped itself: 10 images failed in a row/);
    expect(trip.text).toMatch(/TEXTRACT_ERROR/);
    // Images in flight at the tenth failure still complete; nothing starts after it.
    expect((await here.world.invocations()).total).toBeLessThanOrEqual(10 + 20);
  });

  test('a function that reports entries and writes none trips the watchdog', async () => {
    here = await startPipeline({ settings: { GROWTH_WARN_MINUTES: '0.03', GROWTH_TRIP_MINUTES: '0.06' } });
    await here.world.set({ ...WIDE, latencyMs: 20, writesNothing: true });
    await startRun('pace=600');
    await here.people.sees(/stopped itself: .*(grow|grew)/);
  });

  test('a bot that is killed during a run continues it and repeats only images in flight', async () => {
    here = await startPipeline();
    await here.world.set({ ...WIDE, latencyMs: 100 });
    await startRun('pace=3000');
    await here.people.sees(/[1-9]\d+ of 240/);
    await here.people.bot('kill');
    const inFlight = (await here.world.invocations()).inFlight;
    await here.people.bot('start');
    await here.people.sees(/240 of 240/);
    const counts = Object.values((await here.world.invocations()).byKey);
    expect(counts).toHaveLength(240);
    expect(Math.max(...counts)).toBeLessThanOrEqual(2);
    expect(counts.filter((times) => times > 1).length).toBeLessThanOrEqual(20);
    expect(inFlight).toBeLessThanOrEqual(20);
  });

  test('the stop file stops a run, and nothing is invoked after the message', async () => {
    here = await startPipeline();
    await here.world.set({ ...WIDE, latencyMs: 50 });
    await startRun('pace=600');
    await here.people.sees(/[1-9] of 240/);
    writeFileSync(here.stopFile, '');
    await here.people.sees(/was stopped by the stop file/);
    const { total } = await here.world.invocations();
    expect(total).toBeLessThan(240);
    // In this time a run at this pace invokes ten more images.
    await new Promise((resolve) => setTimeout(resolve, 1_000));
    expect((await here.world.invocations()).total).toBe(total);
  });

  test('expired credentials pause the run without failed images, and resume completes it', async () => {
    here = await startPipeline();
    await here.world.set({ ...WIDE, latencyMs: 50 });
    await startRun('pace=600');
    await here.people.sees(/[1-9]\d of 240/);
    await here.world.set({ expiredCredentials: true });
    await here.people.sees(/credential/i);
    await here.world.set({ expiredCredentials: false });
    await here.people.sees(/paused/i);
    await here.people.command('operator', '/rescan resume');
    await here.people.command('operator', '/rescan pace 6000');
    const end = await here.people.sees(/240 of 240/);
    expect(JSON.stringify(end.blocks)).not.toMatch(/[1-9]\d* failed/);
  });
});
