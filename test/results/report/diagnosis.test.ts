import { describe, expect, test } from 'vitest';
import { type DiagnosisFacts, diagnose } from '../../../src/results/report/diagnosis.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { causeTotals, failureTotals } from '../../support/messages/result-builders.ts';

const none = { top: [], others: { names: 0, totals: causeTotals({ images: 0 }) } };
const facts = (changes: Partial<DiagnosisFacts> = {}): DiagnosisFacts => ({
  failures: failureTotals({ images: 0, byType: {}, causes: none, causesInRun: none }),
  clusters: [],
  metrics: { throttling: [] },
  reports: [],
  functionFacts: { timeoutMs: 60_000, memoryMb: 512 },
  unread: [],
  ...changes,
});
const quiet = { ...runSnapshot().totals, throttles: 0, calls: 100 };
const kindsOf = (changes: Partial<DiagnosisFacts>) => diagnose(facts(changes)).findings.map(({ kind }) => kind);
const named = (...images: number[]) => ({
  top: images.map((n, at) => ({ name: `c${at}`, totals: causeTotals({ images: n, id: `000000000${at}` }) })),
  others: { names: 0, totals: causeTotals({ images: 0 }) },
});

describe('a diagnosis', () => {
  test('reports healthy when nothing was found', () => {
    expect(kindsOf({})).toEqual(['healthy']);
  });

  test('uses the causes of the diagnosed run, not those that were in the table before', () => {
    const failures = failureTotals({ images: 90, causes: named(60, 30), causesInRun: named(3, 1) });
    const [main] = diagnose(facts({ failures })).findings;
    expect(main).toMatchObject({ kind: 'main-cause', share: 0.75, cause: { images: 3 } });
    expect(main?.remedies[0]).toEqual({ kind: 'retry-cause', causeId: '0000000000', images: 3 });
    const before = failureTotals({ images: 90, causes: named(60, 30), causesInRun: none });
    expect(diagnose(facts({ failures: before })).findings[0]).toMatchObject({ cause: { images: 60 } });
  });

  test('reports many causes when no cause explains most failures', () => {
    const failures = failureTotals({ images: 10, causesInRun: named(3, 3, 2, 2) });
    expect(kindsOf({ failures })).toEqual(['many-causes', 'main-cause']);
  });

  test.each([
    ['lambda', 'lambda', 'Concurrent executions'],
    ['bedrock', 'bedrock', 'model inference requests per minute'],
    ['textract', 'textract', 'transactions per second'],
    ['dynamodb-writes', 'dynamodb', 'write capacity of the table'],
  ] as const)('throttling by %s offers a slower pace and the limit behind it', (source, service, quota) => {
    const { findings } = diagnose(facts({ metrics: { throttling: [{ source, times: 40 }] } }));
    expect(findings).toMatchObject([
      { kind: 'throttling', remedies: [{ kind: 'slower' }, { kind: 'raise-quota', service, quota }] },
    ]);
  });

  test('finds throttling in the run itself, because CloudWatch is minutes behind', () => {
    const run = (throttles: number) => runSnapshot({ totals: { ...quiet, throttles } });
    expect(kindsOf({ run: run(5) })).toEqual(['throttled']);
    expect(kindsOf({ run: run(4) })).toEqual(['healthy']);
  });

  test('uses the durations and memory of the REPORT lines, and images that timed out or ran out of memory', () => {
    expect(kindsOf({ reports: [{ durationMs: 47_000 }] })).toEqual(['healthy']);
    expect(kindsOf({ reports: [{ durationMs: 48_000 }] })).toEqual(['near-timeout']);
    expect(kindsOf({ reports: [{ durationMs: 1, memoryMb: 1_024, maxMemoryMb: 480 }] })).toEqual(['healthy']);
    expect(kindsOf({ reports: [{ durationMs: 1, memoryMb: 512, maxMemoryMb: 480 }] })).toEqual(['near-memory']);
    const dead = failureTotals({
      images: 4,
      byType: { TIMEOUT_ERROR: 3, OUT_OF_MEMORY: 1 },
      causesInRun: none,
      causes: none,
    });
    expect(kindsOf({ failures: dead })).toEqual(['near-timeout', 'near-memory']);
    // An unknown limit is never reported as nearly reached.
    expect(kindsOf({ functionFacts: { timeoutMs: 0, memoryMb: 0 }, reports: [{ durationMs: 9e6 }] })).toEqual([
      'healthy',
    ]);
  });

  test('compares the fastest minute with the model’s quota, also when the run is halted', () => {
    const modelQuota = { name: 'Nova Lite', perMinute: 200 };
    const { imagesPerMinute: _, ...run } = runSnapshot({ totals: quiet });
    expect(kindsOf({ run, modelQuota, mostPerMinute: 179 })).toEqual(['healthy']);
    expect(kindsOf({ run, modelQuota, mostPerMinute: 180 })).toEqual(['quota-use']);
  });

  test('puts a table that does not grow first', () => {
    const run = runSnapshot({
      totals: quiet,
      state: { kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10 } },
    });
    const failures = failureTotals({ causesInRun: named(3) });
    expect(kindsOf({ run, failures: { ...failures, causesInRun: named(1, 1) } })[0]).toBe('no-growth');
  });

  test('distinguishes a function that hangs from images that leave no rows', () => {
    const tripped = (images: number) =>
      runSnapshot({ state: { kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10, images } }, inFlight: 6 });
    expect(kindsOf({ run: tripped(0) })).toEqual(['no-replies']);
    expect(kindsOf({ run: tripped(1) })).toEqual(['no-growth']);
    const warned = (imagesSinceGrowth: number) =>
      runSnapshot({
        warnings: [{ kind: 'no-growth', value: 6, limit: 5 }],
        growth: { kind: 'counted', minutesWithoutGrowth: 6, imagesSinceGrowth },
      });
    expect(kindsOf({ run: warned(0) })).toEqual(['no-replies']);
    expect(kindsOf({ run: warned(3) })).toEqual(['no-growth']);
  });
});
