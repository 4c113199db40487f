import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, test } from 'vitest';
import type { Item } from '../../../src/pipeline/table/item.ts';
import type { Failure } from '../../../src/results/failures/failure-fold.ts';
import { type FailureSources, readFailures } from '../../../src/results/failures/failures.ts';
import type { OutcomeRecord } from '../../../src/run/model/types.ts';

let folder: string;
beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rescan-failures-'));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

const T0 = Date.parse('2026-11-24T10:00:00.000Z');

const outcome = (key: string, at: number, changes: Partial<OutcomeRecord> = {}): OutcomeRecord => ({
  index: 0,
  key,
  outcome: { kind: 'failed', failureType: 'TEXTRACT_ERROR', message: `Textract could not read page ${at}` },
  // The clock of the bot has fractions of a millisecond.
  startedAt: T0 + at + 0.283,
  durationMs: 500.75,
  throttles: 0,
  requestId: `req-${key}`,
  ...changes,
});
const processed = (key: string, at: number): OutcomeRecord =>
  outcome(key, at, { outcome: { kind: 'processed', entriesStored: 3 } });
const record = (key: string, at: number, more: Item = {}): Item => ({
  ResourceName: { S: 'FAILED_IMAGE' },
  RecordType: { S: 'FAILED_IMAGE' },
  ImageKey: { S: key },
  FailureTimestamp: { S: new Date(T0 + at).toISOString() },
  FailureType: { S: 'TEXTRACT_ERROR' },
  ErrorMessage: { S: `Textract could not read page ${at}` },
  AttemptNumber: { N: '1' },
  ...more,
});

async function* stream<T>(items: Iterable<T>): AsyncGenerator<T> {
  yield* items;
}
const run = (runId: string, records: readonly OutcomeRecord[]): FailureSources['runs'][number] => ({
  runId,
  journal: stream([{ records }]),
});
async function all(failures: { all: () => AsyncGenerator<Failure> }): Promise<Failure[]> {
  return Array.fromAsync(failures.all());
}

describe('an image whose rows are missing', () => {
  const noRows = (key: string, at: number): OutcomeRecord =>
    outcome(key, at, { outcome: { kind: 'no-rows', entriesStored: 3 } });

  test('is a failed image of its own type, although the function reported a success', async () => {
    const found = await readFailures({
      runs: [run('r-0002', [processed('lost.png', 0), processed('fine.png', 0), noRows('lost.png', 0)])],
      records: [],
    });
    expect(found.totals).toMatchObject({ images: 1, byType: { NO_ROWS: 1 }, unlogged: 0 });
    expect(await all(found)).toMatchObject([
      { imageKey: 'lost.png', row: { FailureType: 'NO_ROWS', RunId: 'r-0002' } },
    ]);
    expect(await found.choose({ failureType: 'NO_ROWS' })).toMatchObject({ images: 1, runId: 'r-0002' });
    await found.dispose();
  });

  test('does not settle an earlier failure, and is settled by a later success', async () => {
    const runs = [
      run('r-0003', [processed('later.png', 9_000)]),
      run('r-0002', [processed('lost.png', 5_000), noRows('lost.png', 5_000), processed('later.png', 5_000)]),
      run('r-0002', [noRows('later.png', 5_000)]),
      run('r-0001', [outcome('lost.png', 0)]),
    ];
    const found = await readFailures({ runs, records: [] });
    const by = (await all(found)).map(({ imageKey, failureType, settledBy }) => [imageKey, failureType, settledBy]);
    expect(by).toEqual(
      expect.arrayContaining([
        ['lost.png', 'NO_ROWS', undefined],
        ['lost.png', 'TEXTRACT_ERROR', undefined],
        ['later.png', 'NO_ROWS', 'r-0003'],
      ]),
    );
    expect(by).toHaveLength(3);
    await found.dispose();
  });
});

describe('failures of the table and of the runs', () => {
  test('are one failure when a record and an outcome match, and otherwise say which of the two has it', async () => {
    const found = await readFailures({
      runs: [run('r-0001', [outcome('both.png', 0), outcome('run.png', 1_000)])],
      records: [stream([record('both.png', 400), record('table.png', 86_400_000)])],
    });
    const by = Object.fromEntries((await all(found)).map(({ imageKey, row }) => [imageKey, row]));
    expect(by['both.png']).toMatchObject({ RecordedBy: 'table and run', RunId: 'r-0001', RequestId: 'req-both.png' });
    expect(by['run.png']).toMatchObject({
      RecordedBy: 'run',
      RunId: 'r-0001',
      ErrorMessage: 'Textract could not read page 1000',
    });
    expect(by['table.png']).toMatchObject({ RecordedBy: 'table', AttemptNumber: '1' });
    expect(by['table.png']).not.toHaveProperty('RunId');
    expect(found.totals).toMatchObject({
      images: 3,
      failures: 3,
      inBoth: 1,
      inRunOnly: 1,
      inTableOnly: 1,
      unlogged: 1,
    });
    await found.dispose();
  });

  test('are sorted newest first', async () => {
    const found = await readFailures({
      runs: [run('r-1', [outcome('b', 50_000), outcome('c', 10_000)])],
      records: [stream([record('a', 90_000_000)])],
    });
    expect((await all(found)).map(({ imageKey }) => imageKey)).toEqual(['a', 'b', 'c']);
    expect(found.totals.newest.map(({ imageKey }) => imageKey)).toEqual(['a', 'b', 'c']);
    await found.dispose();
  });

  test('do not count as failed after a later success, and stay listed with the run of that success', async () => {
    const found = await readFailures({
      runs: [run('r-2', [processed('recovered', 60_000)]), run('r-1', [outcome('recovered', 0), outcome('still', 0)])],
      records: [stream([record('recovered', 400)])],
    });
    expect(found.totals).toMatchObject({ images: 1, settledImages: 1 });
    const recovered = (await all(found)).find(({ imageKey }) => imageKey === 'recovered');
    expect(recovered).toMatchObject({ settledBy: 'r-2', row: { SettledBy: 'r-2' } });
    expect(await Array.fromAsync(found.images({}))).toEqual([{ key: 'still', size: 0 }]);
    await found.dispose();
  });

  test('count as failed again when an attempt after a success failed', async () => {
    const found = await readFailures({
      runs: [run('r-1', [processed('image', 0)])],
      records: [stream([record('image', 3_600_000)])],
    });
    expect(found.totals).toMatchObject({ images: 1, settledImages: 0 });
    await found.dispose();
  });

  test('can be selected by type, by cause and by image, each image once, with its size', async () => {
    const timeout = outcome('slow', 0, {
      outcome: { kind: 'failed', failureType: 'TIMEOUT_ERROR', message: 'Task timed out after 300 seconds' },
    });
    const found = await readFailures({
      runs: [run('r-2', [outcome('a', 80_000_000)]), run('r-1', [outcome('a', 0), outcome('b', 0), timeout])],
      records: [stream([])],
      bucket: stream([
        { key: 'a', size: 11 },
        { key: 'b', size: 22 },
        { key: 'slow', size: 33 },
      ]),
    });
    const keys = async (choice: Parameters<typeof found.images>[0]) => Array.fromAsync(found.images(choice));
    expect(await keys({})).toEqual([
      { key: 'a', size: 11 },
      { key: 'b', size: 22 },
      { key: 'slow', size: 33 },
    ]);
    expect(await keys({ failureType: 'TIMEOUT_ERROR' })).toEqual([{ key: 'slow', size: 33 }]);
    const [first] = found.totals.causes.top;
    expect(first?.totals).toMatchObject({ images: 2, failureType: 'TEXTRACT_ERROR' });
    expect((await keys({ causeId: first?.totals.id ?? '' })).map(({ key }) => key)).toEqual(['a', 'b']);
    expect(await keys({ images: new Set(['b', 'no-such']) })).toEqual([{ key: 'b', size: 22 }]);
    await found.dispose();
  });

  test('are exact for keys with any characters', async () => {
    const keys = ['a"b', 'a\nb', 'a,b', 'a\tb', '<!channel>', '__proto__', 'ä/ö 100%.png', "'; --"];
    const found = await readFailures({
      runs: [
        run(
          'r-1',
          keys.map((key) => outcome(key, 0)),
        ),
      ],
      records: [stream(keys.map((key) => record(key, 400)))],
    });
    expect((await Array.fromAsync(found.images({}))).map(({ key }) => key).sort()).toEqual([...keys].sort());
    expect(found.totals).toMatchObject({ images: keys.length, inBoth: keys.length });
    await found.dispose();
  });

  test('are exact when they are moved to temporary files, and leave no file behind', async () => {
    const COUNT = 6_000;
    const outcomes = Array.from({ length: COUNT }, (_, at) =>
      at % 3 === 0 ? processed(`i${at}`, at) : outcome(`i${at}`, at),
    );
    const found = await readFailures(
      { runs: [run('r-1', outcomes)], records: [stream([])] },
      { memoryBytes: 64 * 1024, folder },
    );
    expect(found.totals.images).toBe(4_000);
    expect(found.totals.byType).toEqual({ TEXTRACT_ERROR: 4_000 });
    expect(found.totals.causes.top[0]?.totals.images).toBe(4_000);
    expect(await all(found)).toHaveLength(4_000);
    // Read a second time.
    expect((await all(found))[0]?.imageKey).toBe(`i${COUNT - 1}`);
    await found.dispose();
    expect(await readdir(folder)).toEqual([]);
  });

  test('fail with the error of a source, and leave no file behind', async () => {
    async function* breaking(): AsyncGenerator<Item> {
      yield record('a', 0);
      throw new Error('The table is gone');
    }
    await expect(readFailures({ runs: [], records: [breaking()] }, { folder })).rejects.toThrow('The table is gone');
    expect(await readdir(folder)).toEqual([]);
  });

  test('that two loggers wrote about one invocation are merged', async () => {
    const found = await readFailures({
      runs: [run('r-1', [outcome('a', 0)])],
      records: [
        stream([
          record('a', 400, { CloudWatchLogStream: { S: 's1' }, ModelId: { S: 'nova' } }),
          record('a', 1_200, { CloudWatchLogStream: { S: 's1' }, OCRVersion: { S: '2.6.1' } }),
          record('b', 0, { CloudWatchLogStream: { S: 's1' } }),
          record('b', 900, { CloudWatchLogStream: { S: 's2' } }),
        ]),
      ],
    });
    expect(found.totals).toMatchObject({ images: 2, failures: 3, inBoth: 1, inTableOnly: 2 });
    const [of] = (await all(found)).filter(({ imageKey }) => imageKey === 'a');
    expect(of?.row).toMatchObject({ ModelId: 'nova', OCRVersion: '2.6.1', RecordedBy: 'table and run' });
    await found.dispose();
  });

  test('of one image within a short time are each joined with their own record', async () => {
    const found = await readFailures({
      runs: [run('r-2', [outcome('a', 20_000)]), run('r-1', [outcome('a', 0)])],
      records: [stream([record('a', 20_400), record('a', 400)])],
    });
    const rows = (await all(found)).map(({ row }) => [row.ErrorMessage, row.RunId]);
    expect(rows).toEqual([
      ['Textract could not read page 20400', 'r-2'],
      ['Textract could not read page 400', 'r-1'],
    ]);
    await found.dispose();
  });

  test('have consecutive attempt numbers, whoever recorded them and whatever number a logger wrote', async () => {
    const timeout = (at: number) =>
      outcome('a', at, { outcome: { kind: 'failed', failureType: 'TIMEOUT_ERROR', message: 'Task timed out' } });
    const found = await readFailures({
      runs: [run('r-3', [timeout(900_000)]), run('r-2', [outcome('a', 500_000)]), run('r-1', [timeout(0)])],
      records: [stream([record('a', 500_400)])],
    });
    expect((await all(found)).map(({ row }) => row.AttemptNumber)).toEqual(['3', '2', '1']);
    expect(await found.choose({})).toMatchObject({ images: 1, attempt: 4, runId: 'r-3' });
    await found.dispose();
  });

  test('of images that are no longer in the bucket are listed, and cannot be retried', async () => {
    const found = await readFailures({
      runs: [run('r-1', [outcome('here', 0), outcome('gone', 0)])],
      records: [stream([])],
      bucket: stream([
        { key: 'here', size: 11 },
        { key: 'fine', size: 12 },
      ]),
    });
    expect(found.totals.images).toBe(2);
    expect(await Array.fromAsync(found.images({}))).toEqual([{ key: 'here', size: 11 }]);
    expect(await found.choose({})).toMatchObject({ images: 1, gone: 1 });
    await found.dispose();
  });

  test('that name no image are counted separately, and do not count as an image', async () => {
    const { ImageKey: _, ...nameless } = record('', 0);
    const found = await readFailures({ runs: [], records: [stream([nameless, nameless, record('a', 0)])] });
    expect(found.totals).toMatchObject({ images: 1, failures: 3, nameless: 2 });
    expect((await all(found)).map(({ imageKey }) => imageKey).sort()).toEqual(['', '', 'a']);
    expect(await Array.fromAsync(found.images({}))).toEqual([{ key: 'a', size: 0 }]);
    await found.dispose();
  });

  test('with the same cause belong together whatever their type, and are selected together', async () => {
    const found = await readFailures({
      runs: [],
      records: [stream([record('a', 0), record('b', 1_000, { FailureType: { S: 'OCR_ERROR' } })])],
    });
    const [cause, ...others] = found.totals.causes.top;
    expect(others).toEqual([]);
    expect(cause?.totals).toMatchObject({ images: 2, failureType: 'OCR_ERROR' });
    expect(await found.choose({ causeId: cause?.totals.id ?? '' })).toMatchObject({
      images: 2,
      cause: 'Textract could not read page …',
    });
    await found.dispose();
  });

  test('of unknown types are counted, the most frequent by name and all others together', async () => {
    const records = Array.from({ length: 60 }, (_, n) =>
      record(`i${n}`, n, { FailureType: { S: n < 30 ? '__proto__' : `TYPE_${n}` } }),
    );
    const found = await readFailures({ runs: [], records: [stream(records)] });
    expect(Object.keys(found.totals.byType)).toHaveLength(12);
    expect(Object.entries(found.totals.byType)[0]).toEqual(['__proto__', 30]);
    expect(found.totals.ofOtherTypes).toBe(60 - 30 - 11);
    await found.dispose();
  });

  test('of one run are counted separately from those of other runs', async () => {
    const found = await readFailures(
      {
        runs: [
          run('r-2', [
            outcome('b', 90_000_000, { outcome: { kind: 'failed', failureType: 'OCR_ERROR', message: 'new' } }),
          ]),
          run('r-1', [outcome('a', 0), outcome('b', 0)]),
        ],
        records: [stream([])],
      },
      { inRun: 'r-2' },
    );
    expect(found.totals.causes.top).toHaveLength(2);
    expect(found.totals.causesInRun.top.map(({ name, totals }) => [name, totals.images])).toEqual([['new', 1]]);
    await found.dispose();
  });

  test('of one image can be any number: they are read in pieces, each is listed, and the last attempt is decided once', async () => {
    const COUNT = 2_300;
    const records = Array.from({ length: COUNT }, (_, n) => record('often', n * 600_000));
    const settledAt = (COUNT - 1_000) * 600_000;
    const found = await readFailures({
      runs: [run('r-1', [processed('often', settledAt)])],
      records: [stream(records)],
    });
    expect(found.totals).toMatchObject({ images: 1, failures: COUNT, settledImages: 0 });
    const failures = await all(found);
    expect(failures).toHaveLength(COUNT);
    expect(failures.filter(({ settledBy }) => settledBy === 'r-1')).toHaveLength(COUNT - 999);
    expect(await Array.fromAsync(found.images({}))).toHaveLength(1);
    await found.dispose();

    const settled = await readFailures({
      runs: [run('r-1', [processed('often', COUNT * 600_000)])],
      records: [stream(Array.from({ length: COUNT }, (_, n) => record('often', n * 600_000)))],
    });
    expect(settled.totals).toMatchObject({ images: 0, failures: COUNT, settledImages: 1 });
    expect(new Set((await all(settled)).map(({ settledBy }) => settledBy))).toEqual(new Set(['r-1']));
    await settled.dispose();
  });

  test.each(['not a time', '+275760-09-13T00:00:00Z', '1601-01-01T00:00:00Z'])(
    'with the unusual time %j are listed too',
    async (stamp) => {
      const found = await readFailures({
        runs: [],
        records: [stream([record('a', 0, { FailureTimestamp: { S: stamp } }), record('b', 0)])],
      });
      expect((await all(found)).map(({ imageKey }) => imageKey).sort()).toEqual(['a', 'b']);
      await found.dispose();
    },
  );
});
