import * as fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import type { QuotaLine, QuotaReport } from '../../../src/checklist/contracts/quota-report.ts';
import { judgeQuotas } from '../../../src/checklist/quotas/judge-quotas.ts';
import type { QuotaReading } from '../../../src/pipeline/limits/quotas.ts';
import type { PlannerSettings } from '../../../src/run/plan/planner.ts';

const settingsOf = (changes: Partial<PlannerSettings> = {}): PlannerSettings => ({
  modelRequestsPerMinute: 200,
  quotaPercent: 80,
  concurrencyPercent: 50,
  maxInFlight: 50,
  secondsPerImage: 6,
  costPerImageUsd: 0,
  entriesPerImage: 10,
  tokensPerImage: 1_000,
  ...changes,
});
const quota = (value: number, name: string) => ({ value, name, source: 'applied' as const });
const readingOf = (changes: Partial<QuotaReading> = {}): QuotaReading => ({
  modelRequestsPerMinute: quota(200, 'Requests for Nova Lite'),
  modelTokensPerMinute: quota(400_000, 'Tokens for Nova Lite'),
  accountConcurrency: 1_000,
  freeConcurrency: 900,
  table: { name: 'Entries', billing: 'on-demand', writeCapacity: [] },
  textractPerSecond: {
    analyzeDocument: quota(10, 'AnalyzeDocument'),
    detectDocumentText: quota(25, 'DetectDocumentText'),
  },
  notes: [],
  ...changes,
});
const provisioned = (...units: number[]) => ({
  name: 'Entries',
  billing: 'provisioned' as const,
  writeCapacity: units.map((each, at) => ({ name: at === 0 ? 'Entries' : `Index${at}`, units: each })),
});
const judge = (reading: Partial<QuotaReading> = {}, settings: Partial<PlannerSettings> = {}) =>
  judgeQuotas(readingOf(reading), settingsOf(settings), 6);
const line = (report: QuotaReport, limit: QuotaLine['limit'], name?: string) =>
  report.lines.find((each) => each.limit === limit && (name === undefined || each.name === name));

describe('a report of quotas', () => {
  test('a quota report judges each limit, in the order of the pipeline', () => {
    const report = judge();
    expect(report.lines.map(({ limit, verdict, needs }) => [limit, verdict, needs])).toEqual([
      ['model-requests', 'ok', undefined],
      ['model-tokens', 'ok', 160_000],
      ['account-concurrency', 'ok', undefined],
      ['free-concurrency', 'ok', 16],
      ['table', 'ok', undefined],
      ['textract', 'ok', 3],
      ['textract', 'ok', 3],
    ]);
    expect(report).toMatchObject({ pacePerMinute: 160, maxInFlight: 50, blocking: [], billing: 'on-demand' });
    expect(report.because[0]).toBe('Requests for Nova Lite: 200 requests a minute × 80 % = 160');
  });

  test.each<[string, Partial<QuotaReading>, Partial<PlannerSettings>, QuotaLine['limit'], Partial<QuotaLine>]>([
    ['no requests', { modelRequestsPerMinute: quota(0, 'R') }, {}, 'model-requests', { verdict: 'blocking' }],
    ['one request', { modelRequestsPerMinute: quota(1, 'R') }, {}, 'model-requests', { verdict: 'ok' }],
    ['no tokens', { modelTokensPerMinute: quota(0, 'T') }, {}, 'model-tokens', { verdict: 'blocking' }],
    ['just enough tokens', { modelTokensPerMinute: quota(200_000, 'T') }, {}, 'model-tokens', { verdict: 'ok' }],
    ['a token too few', { modelTokensPerMinute: quota(199_999, 'T') }, {}, 'model-tokens', { verdict: 'tight' }],
    ['an image of unknown tokens', {}, { tokensPerImage: 0 }, 'model-tokens', { verdict: 'unknown', value: 400_000 }],
    ['no concurrency at all', { accountConcurrency: 0 }, {}, 'account-concurrency', { verdict: 'blocking' }],
    ['none free', { freeConcurrency: 0 }, {}, 'free-concurrency', { verdict: 'blocking' }],
    ['just enough free', { freeConcurrency: 32 }, {}, 'free-concurrency', { verdict: 'ok', needs: 16 }],
    ['too few free', { freeConcurrency: 31 }, {}, 'free-concurrency', { verdict: 'tight', needs: 16 }],
    ['a reserve of none', { reservedConcurrency: 0, freeConcurrency: 0 }, {}, 'function', { verdict: 'blocking' }],
    [
      'a reserve of few',
      { reservedConcurrency: 5, freeConcurrency: 5 },
      {},
      'function',
      { verdict: 'tight', value: 5 },
    ],
    ['just enough writes', { table: provisioned(27) }, {}, 'write-capacity', { verdict: 'ok', needs: 27 }],
    ['too few writes', { table: provisioned(26) }, {}, 'write-capacity', { verdict: 'tight', needs: 27 }],
    [
      'less than an image a minute',
      { table: provisioned(1) },
      { entriesPerImage: 61 },
      'write-capacity',
      { verdict: 'blocking' },
    ],
    ['one image a minute', { table: provisioned(1) }, { entriesPerImage: 60 }, 'write-capacity', { verdict: 'tight' }],
    [
      'little Textract',
      { textractPerSecond: { analyzeDocument: quota(2, 'A') } },
      {},
      'textract',
      { verdict: 'tight', needs: 3 },
    ],
  ])('a quota report judges %s', (_, reading, settings, limit, expected) => {
    const report = judge(reading, settings);
    expect(line(report, limit)).toMatchObject(expected);
    const blocks = expected.verdict === 'blocking';
    expect(report.blocking.map((each) => each.limit)).toEqual(blocks ? [limit] : []);
    if (blocks) expect(report.pacePerMinute).toBe(0);
    else expect(report.pacePerMinute).toBeGreaterThanOrEqual(1);
  });

  test('a quota report names an index with less capacity than the table', () => {
    const report = judge({ table: provisioned(100, 6) });
    expect(line(report, 'write-capacity', 'Entries')).toMatchObject({ verdict: 'ok', value: 100 });
    expect(line(report, 'write-capacity', 'Index1')).toMatchObject({ verdict: 'tight', value: 6 });
    expect(report.pacePerMinute).toBe(36);
    expect(report.because).toContain('Index1: 6 write units a second × 60 ÷ 10 per image = 36');
  });

  test('a quota that could not be read is never ok, and the setting is used', () => {
    const report = judgeQuotas({ notes: ['The Bedrock quota cannot be read.'] }, settingsOf(), 6);
    expect(report.lines).toEqual([
      { limit: 'model-requests', verdict: 'unknown', value: 200, source: 'setting' },
      { limit: 'model-tokens', verdict: 'unknown' },
      { limit: 'account-concurrency', verdict: 'unknown' },
      { limit: 'free-concurrency', verdict: 'unknown' },
      { limit: 'table', verdict: 'unknown' },
    ]);
    expect(report).toMatchObject({ pacePerMinute: 160, blocking: [], notes: ['The Bedrock quota cannot be read.'] });
  });

  test('a quota report says where each value comes from', () => {
    const byDefault = { value: 200, name: 'Requests', source: 'default' as const };
    expect(line(judge({ modelRequestsPerMinute: byDefault }), 'model-requests')).toMatchObject({ source: 'default' });
  });

  test('a quota report with little concurrency keeps the pace and shows what the concurrency allows', () => {
    const report = judge({ freeConcurrency: 10 });
    expect(report).toMatchObject({ pacePerMinute: 160, maxInFlight: 5 });
    expect(report.because).toContain('5 images at once × 60 ÷ 6 s per image = 50 a minute');
  });
});

const amount = (max: number) => fc.oneof(fc.integer({ min: 0, max }), fc.constantFrom(0, 1, max));
const readings = fc.record(
  {
    requests: amount(2_000),
    tokens: amount(2_000_000),
    account: amount(1_000),
    free: amount(1_000),
    table: amount(200),
    index: amount(200),
    textract: amount(50),
  },
  { requiredKeys: [] },
);
type Limits = typeof readings extends fc.Arbitrary<infer T> ? T : never;
const readingFrom = ({ requests, tokens, account, free, table, index, textract }: Limits): QuotaReading => ({
  ...(requests === undefined ? {} : { modelRequestsPerMinute: quota(requests, 'Requests') }),
  ...(tokens === undefined ? {} : { modelTokensPerMinute: quota(tokens, 'Tokens') }),
  ...(account === undefined ? {} : { accountConcurrency: account }),
  ...(free === undefined ? {} : { freeConcurrency: free }),
  ...(textract === undefined ? {} : { textractPerSecond: { analyzeDocument: quota(textract, 'AnalyzeDocument') } }),
  ...(table === undefined ? {} : { table: provisioned(table, ...(index === undefined ? [] : [index])) }),
  notes: [],
});
const settings = fc.record({
  modelRequestsPerMinute: fc.integer({ min: 1, max: 500 }),
  quotaPercent: fc.integer({ min: 1, max: 100 }),
  concurrencyPercent: fc.integer({ min: 1, max: 100 }),
  maxInFlight: fc.integer({ min: 1, max: 200 }),
  entriesPerImage: fc.constantFrom(1, 2.5, 10, 21, 100),
  tokensPerImage: fc.constantFrom(0, 1, 1_000, 5_000),
});

describe('any quotas', () => {
  test('a smaller quota never gives a higher pace, more images in flight, or a better verdict', () => {
    const severity = { unknown: 0, ok: 1, tight: 2, blocking: 3 };
    fc.assert(
      fc.property(
        readings,
        settings,
        fc.constantFrom('requests', 'tokens', 'account', 'free', 'table', 'index', 'textract'),
        fc.double({ min: 0, max: 1, noNaN: true }),
        (limits, changes, which, share) => {
          const value = limits[which];
          fc.pre(value !== undefined);
          const seconds = 6;
          const before = judgeQuotas(readingFrom(limits), settingsOf(changes), seconds);
          const less = { ...limits, [which]: Math.floor((value ?? 0) * share) };
          const after = judgeQuotas(readingFrom(less), settingsOf(changes), seconds);
          expect(after.pacePerMinute).toBeLessThanOrEqual(before.pacePerMinute);
          expect(after.maxInFlight).toBeLessThanOrEqual(before.maxInFlight);
          // All other needs follow from the requests of the model: fewer requests need less elsewhere.
          if (which === 'requests') return;
          before.lines.forEach((each, at) => {
            expect(severity[after.lines[at]?.verdict ?? 'ok']).toBeGreaterThanOrEqual(
              which === 'textract' || each.limit !== 'textract' ? severity[each.verdict] : 0,
            );
          });
        },
      ),
      { numRuns: 500 },
    );
  });

  test('a quota report blocks exactly when a limit allows no image, and the pace is 0 then', () => {
    fc.assert(
      fc.property(readings, settings, (limits, changes) => {
        const report = judgeQuotas(readingFrom(limits), settingsOf(changes), 6);
        const starved = (units: number | undefined) => units !== undefined && units * 60 < changes.entriesPerImage;
        const { requests, tokens, account, free, table, index } = limits;
        const expected = [
          ...(requests === 0 ? ['model-requests'] : []),
          ...(tokens === 0 ? ['model-tokens'] : []),
          ...(account === 0 ? ['account-concurrency'] : []),
          ...(free === 0 ? ['free-concurrency'] : []),
          ...(starved(table) ? ['write-capacity'] : []),
          ...(table !== undefined && starved(index) ? ['write-capacity'] : []),
        ];
        expect(report.blocking.map(({ limit }) => limit)).toEqual(expected);
        expect(report.pacePerMinute === 0).toBe(expected.length > 0);
      }),
      { numRuns: 500 },
    );
  });

  test('the arithmetic of a quota report is correct, and its smallest result is the pace', () => {
    const number = (text: string) => Number(text.replaceAll(',', ''));
    fc.assert(
      fc.property(readings, settings, (limits, changes) => {
        const report = judgeQuotas(readingFrom(limits), settingsOf(changes), 6);
        const results: number[] = [];
        for (const words of report.because) {
          const [left = '', right] = words.split(' = ');
          if (right === undefined) continue;
          const result = number(/^[\d,.]+/.exec(right)?.[0] ?? '');
          // The value left of the equals sign, computed: `200 requests a minute × 80 %`.
          const terms = left.replace(/^.*: /, '').split(/ (?=[×÷])/);
          const reckoned = terms.reduce((value, term) => {
            const amount = number(/[\d,.]+/.exec(term)?.[0] ?? '') / (term.includes('%') ? 100 : 1);
            return term.startsWith('×') ? value * amount : term.startsWith('÷') ? value / amount : amount;
          }, 0);
          if (words.includes('images at once') && words.startsWith('Lambda'))
            expect(result).toBe(Math.max(1, Math.floor(reckoned + 1e-9)));
          else {
            expect(Math.abs(result - reckoned)).toBeLessThan(0.0051);
            if (!words.includes('images at once')) results.push(reckoned);
          }
        }
        if (report.blocking.length === 0)
          expect(report.pacePerMinute).toBe(Math.max(1, Math.floor(Math.min(...results) + 1e-9)));
      }),
      { numRuns: 500 },
    );
  });
});

describe('a table on demand', () => {
  const onDemand = (...writeCapacity: { name: string; units: number }[]) => ({
    table: { name: 'Entries', billing: 'on-demand' as const, writeCapacity },
  });
  test('an on-demand table does not limit the pace, but its maximum throughput does', () => {
    const report = judge(onDemand({ name: 'Entries', units: 5 }));
    expect(line(report, 'table')).toBeUndefined();
    expect(line(report, 'write-capacity')).toMatchObject({ name: 'Entries', value: 5, verdict: 'tight' });
    expect(report.pacePerMinute).toBe(30);
  });

  test('a quota report shows an on-demand table and the maximum of its index', () => {
    const report = judge(onDemand({ name: 'ByMonth', units: 5 }));
    expect(line(report, 'table')).toMatchObject({ verdict: 'ok', name: 'Entries' });
    expect(line(report, 'write-capacity', 'ByMonth')).toMatchObject({ verdict: 'tight' });
  });
});
