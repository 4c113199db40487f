import { buttonOf } from '../sandbox/people.ts';
import { startTestSandbox } from '../test/support/rigs/sandbox.ts';
import { percentile, type Report, rounded } from './report.ts';

const IN_FLIGHT = 200;
const ASKED = 200;

/** How long a person waits for the acknowledgement of `/rescan status` while 200 invocations are in flight. */
export async function runAckBenchmark(report: Report): Promise<void> {
  const here = await startTestSandbox({
    images: 2_000,
    settings: { MAX_IN_FLIGHT: String(IN_FLIGHT), GROWTH_CHECK_IMAGES: '50' },
  });
  try {
    await here.world.set({
      latencyMs: 4_000,
      concurrency: { account: 10_000, unreserved: 10_000 },
      quotas: { novaLiteCrossRegionRequestsPerMinute: 60_000 },
    });
    await here.people.command('operator', '/rescan start keep pace=4000');
    const preview = await here.people.sees(/Start/);
    await here.people.click('operator', preview.ts, buttonOf(preview, /start/));
    while ((await here.world.invocations()).inFlight < IN_FLIGHT * 0.95)
      await new Promise((resolve) => setTimeout(resolve, 100));
    const waited: number[] = [];
    for (let asked = 0; asked < ASKED; asked++) {
      const { acknowledgedInMs } = await here.people.command('viewer', '/rescan status');
      if (typeof acknowledgedInMs !== 'number') throw new Error('A command was not acknowledged.');
      waited.push(acknowledgedInMs);
    }
    const { inFlight } = await here.world.invocations();
    report({ name: 'ack.p50_ms', value: rounded(percentile(waited, 0.5), 1), unit: 'ms', inFlight });
    report({
      name: 'ack.p99_ms',
      value: rounded(percentile(waited, 0.99), 1),
      unit: 'ms',
      goal: 'under 250',
      inFlight,
    });
  } finally {
    await here.close();
  }
}
