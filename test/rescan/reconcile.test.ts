import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import * as fc from 'fast-check';
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';
import { systemClock } from '../../src/clock.ts';
import { readConfig } from '../../src/config.ts';
import { createAwsClients } from '../../src/pipeline/aws.ts';
import type { Outcome } from '../../src/pipeline/reading.ts';
import type { WireItem } from '../../src/pipeline/wire-value.ts';
import { type Reconciliation, reconcile, reconcileRun } from '../../src/rescan/reconcile.ts';
import { RECONCILED_KINDS, type ReconciledImage } from '../../src/rescan/reconcile-image.ts';
import type { ReconcileOptions, ReconcileProgress, ReconcileSources } from '../../src/rescan/reconcile-sources.ts';
import { createRunStore } from '../../src/rescan/run-store.ts';
import type { OutcomeRecord } from '../../src/rescan/types.ts';
import { openControlTable } from '../../src/state/control-table.ts';
import { openFilesIn } from '../csv/open-files.ts';
import { startRunsRig } from '../support/runs-rig.ts';

let folder = '';
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'reconcile-'));
});
afterAll(() => rm(folder, { recursive: true }));
afterEach(async () => {
  expect(await readdir(folder)).toEqual([]);
  expect(await openFilesIn(folder)).toEqual([]);
});

const START = Date.parse('2025-11-24T10:00:00Z');
const iso = (minutes: number) => new Date(START + minutes * 60_000).toISOString();

const entry = (image: string, options: { person?: string; at?: number; range?: string } = {}): WireItem => ({
  ResourceName: { S: options.person ?? 'Nik_Coultas' },
  DateProjectCode: { S: options.range ?? `2025-09-29#${image}` },
  ProjectCode: { S: 'PJ1' },
  SourceImage: { S: image },
  ProcessingTimestamp: { S: iso(options.at ?? 5) },
});
const rejection = (image: string): WireItem => ({
  ...entry(image, { range: `REJECTED#${image}` }),
  Rejected: { BOOL: true },
});
const failure = (image: string, at = 5): WireItem => ({
  ResourceName: { S: 'FAILED_IMAGE' },
  DateProjectCode: { S: image },
  RecordType: { S: 'FAILED_IMAGE' },
  ImageKey: { S: image },
  FailureTimestamp: { S: iso(at) },
});
const processed = (entriesStored?: number, resourceName = 'Nik Coultas'): Outcome => ({
  kind: 'processed',
  resourceName,
  ...(entriesStored !== undefined && { entriesStored }),
});
const rejected: Outcome = { kind: 'rejected', reason: 'not Posted' };
const failed: Outcome = { kind: 'failed', failureType: 'OCR_ERROR', message: 'x' };
const record = (key: string, outcome: Outcome): OutcomeRecord => ({
  index: 0,
  key,
  outcome,
  startedAt: START + 4 * 60_000,
  durationMs: 1,
  pushbacks: 0,
});

async function* inPieces<T>(items: readonly T[], size: number): AsyncGenerator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
interface World {
  readonly manifest: readonly string[];
  readonly outcomes?: readonly OutcomeRecord[];
  readonly items?: readonly WireItem[];
}
const sourcesOf = ({ manifest, outcomes = [], items = [] }: World): ReconcileSources => {
  const pages = async function* (from: number) {
    for await (const piece of inPieces(
      items.filter((_, at) => at % 2 === from),
      3,
    ))
      yield { items: piece };
  };
  const journal = async function* () {
    for await (const records of inPieces(outcomes, 2)) yield { records };
  };
  return { manifest: each(manifest.map((key) => ({ key }))), journal: journal(), rows: [pages(0), pages(1)] };
};
async function imagesOf(found: Reconciliation): Promise<ReconciledImage[]> {
  const images: ReconciledImage[] = [];
  for await (const image of found.images()) images.push(image);
  return images;
}
async function reconciled(world: World, options: ReconcileOptions = {}) {
  const found = await reconcile(sourcesOf(world), { startedAt: START, folder, ...options });
  const images = await imagesOf(found);
  expect(await imagesOf(found)).toEqual(images);
  await found.dispose();
  return { totals: found.totals, images, kinds: Object.fromEntries(images.map(({ key, kind }) => [key, kind])) };
}

describe('a reconciliation', () => {
  test('gives every image its kind', async () => {
    const { kinds, totals } = await reconciled({
      manifest: ['rows', 'none', 'rej', 'rej lost', 'bad', 'bad unlogged', 'later', 'nothing'],
      outcomes: [
        record('rows', processed(2)),
        record('none', processed(3)),
        record('rej', rejected),
        record('rej lost', rejected),
        record('bad', failed),
        record('bad unlogged', failed),
        record('strange', processed()),
      ],
      items: [
        entry('rows', { range: '2025-09-29#A' }),
        entry('rows', { range: 'WEEK#2025-09-29' }),
        rejection('rej'),
        failure('bad'),
        entry('later'),
        entry('added'),
        { ResourceName: { S: 'By_Hand' }, DateProjectCode: { S: '2025-09-29#PJ' }, ProjectCode: { S: 'PJ' } },
      ],
    });
    expect(kinds).toEqual({
      rows: 'processed-with-rows',
      none: 'processed-without-rows',
      rej: 'rejected-with-record',
      'rej lost': 'rejected-without-record',
      bad: 'failed-with-record',
      'bad unlogged': 'failed-without-record',
      later: 'rows-without-outcome',
      nothing: 'neither',
      added: 'not-in-manifest',
      strange: 'outcome-not-in-manifest',
    });
    expect(totals).toMatchObject({
      images: 8,
      records: { entry: 4, 'zero-hour': 1, rejected: 1, failed: 1, coverage: 0 },
      withoutImage: { entry: 1, rejected: 0 },
      repeatedOutcomes: 0,
      repeatedKeys: 0,
    });
  });

  test('says of a processed image without rows only what is proven', async () => {
    const { images, totals } = await reconciled({
      manifest: ['stored none', 'overwritten?', 'lost', 'lost too', 'who', 'shown'],
      outcomes: [
        record('stored none', processed(0, 'Ann Other')),
        record('overwritten?', processed(2)),
        record('lost', processed(2, 'Ann Other')),
        record('lost too', processed(2, 'Zz')),
        record('who', { kind: 'processed', entriesStored: 1 }),
        record('shown', processed(1, 'Zoë  Quill')),
      ],
      items: [
        entry('another image'),
        { ...entry('yet another', { person: 'Zoe_Quill' }), ResourceNameDisplay: { S: 'Zoë  Quill' } },
      ],
    });
    const why = images.flatMap((image) => (image.kind === 'processed-without-rows' ? [[image.key, image.why]] : []));
    expect(Object.fromEntries(why)).toEqual({
      'stored none': 'nothing-stored',
      'overwritten?': 'unclear',
      lost: 'person-has-no-rows',
      'lost too': 'person-has-no-rows',
      who: 'unclear',
      shown: 'unclear',
    });
    expect(totals.processedWithoutRows).toEqual({ 'nothing-stored': 1, 'person-has-no-rows': 2, unclear: 3 });
  });

  test('takes no failure record from before the attempt for one of it', async () => {
    const { kinds } = await reconciled({
      manifest: ['old', 'new', 'both', 'within the skew'],
      outcomes: ['old', 'new', 'both', 'within the skew'].map((key) => record(key, failed)),
      items: [
        failure('old', -60),
        failure('new', 6),
        failure('both', 7),
        failure('both', -9),
        failure('within the skew', 3.5),
      ],
    });
    expect(kinds).toEqual({
      old: 'failed-without-record',
      new: 'failed-with-record',
      both: 'failed-with-record',
      'within the skew': 'failed-with-record',
    });
  });

  test('counts images with fewer rows than were stored, with older rows only, and failed ones that have rows', async () => {
    const { totals } = await reconciled({
      manifest: ['few', 'old', 'fine', 'bad'],
      outcomes: [
        record('few', processed(2)),
        record('old', processed(1)),
        record('fine', processed(1)),
        record('bad', failed),
      ],
      items: [entry('few'), entry('old', { at: -90 }), entry('fine'), entry('bad')],
    });
    expect(totals).toMatchObject({ withFewerRows: 1, withOlderRowsOnly: 1, failedWithRows: 1 });
  });

  test('tells images that were added meanwhile from older ones', async () => {
    const { ProcessingTimestamp: _, ...timeless } = entry('timeless');
    const { images, totals } = await reconciled({
      manifest: [],
      items: [
        entry('meanwhile', { at: 1 }),
        entry('older', { at: -100 }),
        timeless,
        failure('INVALID_IMAGE.png', -100),
      ],
    });
    const since = images.flatMap((image) => (image.kind === 'not-in-manifest' ? [[image.key, image.since]] : []));
    expect(Object.fromEntries(since)).toEqual({
      meanwhile: 'run-start',
      older: 'before',
      timeless: 'unknown',
      'INVALID_IMAGE.png': 'before',
    });
    expect(totals.notInManifest).toEqual({ 'run-start': 1, before: 2, unknown: 1 });
  });

  test('counts the first of several outcomes, as the run does', async () => {
    const { kinds, totals } = await reconciled({
      manifest: ['twice', 'twice'],
      outcomes: [record('twice', failed), record('twice', processed(1)), record('twice', rejected)],
    });
    expect(kinds).toEqual({ twice: 'failed-without-record' });
    expect(totals).toMatchObject({ images: 1, repeatedOutcomes: 2, repeatedKeys: 1 });
  });

  test('knows an image by another spelling of its key: with the bucket, URL-encoded, in another Unicode form', async () => {
    const { kinds, totals } = await reconciled(
      {
        manifest: ['2025/week 1/a b.png', 'Zoë.png', '100%.png', 'plain.png', 'uri.png'],
        outcomes: ['2025/week 1/a b.png', 'Zoë.png', '100%.png', 'plain.png', 'uri.png'].map((key) =>
          record(key, processed(1, 'Gone Person')),
        ),
        items: [
          entry('2025/week+1/a+b.png'),
          entry('Zoe\u0308.png'),
          entry('100%25.png'),
          entry('images/plain.png'),
          entry('s3://images/uri.png'),
        ],
      },
      { bucket: 'images' },
    );
    expect(new Set(Object.values(kinds))).toEqual(new Set(['processed-with-rows']));
    expect(totals).toMatchObject({ images: 5, spelledOtherwise: 5 });
  });

  test('gives rows of two alike spellings to the exact one, and to none where two could be meant', async () => {
    const { kinds, totals } = await reconciled({
      manifest: ['a b', 'a+b', 'c d', 'c+d'],
      outcomes: ['a b', 'a+b', 'c d', 'c+d'].map((key) => record(key, processed(1, 'Gone Person'))),
      items: [entry('a+b'), entry('c%20d')],
    });
    expect(kinds).toEqual({
      'a b': 'processed-without-rows',
      'a+b': 'processed-with-rows',
      'c d': 'processed-without-rows',
      'c+d': 'processed-without-rows',
      'c%20d': 'not-in-manifest',
    });
    expect(totals.spelledOtherwise).toBe(0);
  });

  test('does not take a person for gone whose name is only written otherwise', async () => {
    const { totals } = await reconciled({
      manifest: ['one', 'two'],
      outcomes: [record('one', processed(1, 'zoë  QUILL')), record('two', processed(1, 'Nik_Coultas'))],
      items: [entry('other', { person: 'Zoe\u0308_Quill' }), entry('another', { person: 'nik coultas' })],
    });
    expect(totals.processedWithoutRows).toEqual({ 'nothing-stored': 0, 'person-has-no-rows': 0, unclear: 2 });
  });

  test('keeps keys exact, whatever they hold', async () => {
    const keys = [
      'a"b',
      "a'b",
      'a\nb',
      'a\tb',
      'a,b',
      'a\u0000',
      'a',
      'A',
      'a ',
      'é',
      'e\u0301',
      '😀',
      '\ud83d',
      '<!channel>',
      '',
    ];
    const { kinds } = await reconciled(
      { manifest: keys, outcomes: keys.map((key) => record(key, processed(1))), items: keys.map((key) => entry(key)) },
      { memoryBytes: 300 },
    );
    expect(kinds).toEqual(Object.fromEntries(keys.map((key) => [key, 'processed-with-rows'])));
  });

  test('finds what a join in memory finds, with little memory too', async () => {
    const key = fc.oneof(
      fc.integer({ min: 0, max: 12 }).map((n) => `image ${n}.png`),
      fc.string({ unit: 'binary', maxLength: 2 }),
    );
    const outcome = fc.constantFrom<Outcome>(
      processed(0),
      processed(1),
      processed(2, 'Ann'),
      processed(),
      rejected,
      failed,
    );
    const row = fc
      .tuple(key, fc.constantFrom(entry, rejection, failure), fc.boolean())
      .map(([image, make, named]): WireItem => {
        const { SourceImage, ImageKey, ...nameless } = make(image);
        return named ? make(image) : nameless;
      });
    await fc.assert(
      fc.asyncProperty(
        fc.array(key, { maxLength: 20 }),
        fc.array(fc.tuple(key, outcome), { maxLength: 30 }),
        fc.array(row, { maxLength: 40 }),
        fc.constantFrom(200, 10_000_000),
        async (manifest, pairs, items, memoryBytes) => {
          const outcomes = pairs.map(([image, came]) => record(image, came));
          const { kinds, totals } = await reconciled({ manifest, outcomes, items }, { memoryBytes });
          expect(kinds).toEqual(naiveKinds({ manifest, outcomes, items }));
          const counted = RECONCILED_KINDS.map((kind) => Object.values(kinds).filter((each) => each === kind).length);
          expect(RECONCILED_KINDS.map((kind) => totals.counts[kind])).toEqual(counted);
          expect(totals.images).toBe(new Set(manifest).size);
          expect(Object.values(totals.records).reduce((sum, count) => sum + count)).toBe(items.length);
        },
      ),
      { numRuns: 150 },
    );
  });

  test('of some kinds alone', async () => {
    const found = await reconcile(sourcesOf({ manifest: ['a', 'b'], items: [entry('b')] }), { folder });
    const kinds: string[] = [];
    for await (const { kind } of found.images(['neither'])) kinds.push(kind);
    expect(kinds).toEqual(['neither']);
    await found.dispose();
  });
});

function naiveKinds({ manifest, outcomes = [], items = [] }: World): Record<string, string> {
  const kinds: Record<string, string> = {};
  const nameOf = (item: WireItem) => {
    const value = 'RecordType' in item ? item.ImageKey : item.SourceImage;
    return value && 'S' in value ? value.S : undefined;
  };
  const named = items.flatMap((item) => {
    const name = nameOf(item);
    return name === undefined ? [] : [name];
  });
  for (const key of new Set([...manifest, ...outcomes.map((each) => each.key), ...named])) {
    const own = items.filter((item) => nameOf(item) === key);
    const has = (is: (item: WireItem) => boolean) => own.some(is);
    const isFailure = (item: WireItem) => 'RecordType' in item;
    const isRejection = (item: WireItem) => 'Rejected' in item;
    const came = outcomes.find((each) => each.key === key)?.outcome.kind;
    const there = {
      processed: has((item) => !isFailure(item) && !isRejection(item)) ? 'with-rows' : 'without-rows',
      rejected: has(isRejection) ? 'with-record' : 'without-record',
      failed: has(isFailure) ? 'with-record' : 'without-record',
    };
    if (!manifest.includes(key)) kinds[key] = came ? 'outcome-not-in-manifest' : 'not-in-manifest';
    else if (came) kinds[key] = `${came}-${there[came]}`;
    else kinds[key] = own.length > 0 ? 'rows-without-outcome' : 'neither';
  }
  return kinds;
}

describe('a reconciliation ends', () => {
  const many = Array.from({ length: 3_000 }, (_, at) => `folder/with/a/longer/name/image number ${at}.png`);
  const world: World = {
    manifest: many,
    outcomes: many.map((key) => record(key, processed(1))),
    items: many.map((key) => entry(key)),
  };

  const halfway = (read: ReconcileProgress) => Math.min(read.images, read.outcomes, read.records) >= 1_000;
  test.each([
    ['reading', halfway],
    ['through with reading', (read: ReconcileProgress) => read.records === 3_000 && read.images === 3_000],
    ['joining', ({ joined }: ReconcileProgress) => joined > 2_000],
  ])('with the reason when it is stopped while %s, and leaves no file', async (_stage, isThen) => {
    const stop = new AbortController();
    const onProgress = (read: ReconcileProgress) => {
      if (isThen(read)) stop.abort(new Error('stopped by U1'));
    };
    const options = { folder, memoryBytes: 100_000, signal: stop.signal, onProgress };
    const lost = many.map((key) => entry(`${key} of another`, { person: key }));
    for (const items of [world.items ?? [], lost])
      await expect(reconcile(sourcesOf({ ...world, items }), options)).rejects.toThrow('stopped by U1');
  });

  test('with the error of a source, and leaves no file', async () => {
    const broken = async function* () {
      yield { records: world.outcomes ?? [] };
      throw new Error('the control table is gone');
    };
    const sources = { ...sourcesOf(world), journal: broken() };
    await expect(reconcile(sources, { folder, memoryBytes: 50_000 })).rejects.toThrow('the control table is gone');
  });
});

test('a run on record and its table agree', async () => {
  const rig = await startRunsRig({ images: 40 });
  try {
    const bot = await rig.copy();
    const runId = await rig.start(bot);
    const { snapshot } = await bot.hears('completed');
    const config = readConfig({ SLACK_BOT_TOKEN: 'xoxb-1', SLACK_APP_TOKEN: 'xapp-1', SLACK_CHANNELS: 'C01' });
    const clients = createAwsClients();
    const table = await openControlTable({
      dynamodb: clients.dynamodb,
      tableName: config.CONTROL_TABLE,
      clock: systemClock,
    });
    const found = await reconcileRun(
      { dynamodb: clients.dynamodb, s3: clients.s3, store: createRunStore(table, config.OCR_FUNCTION) },
      {
        runId,
        manifest: { bucket: config.CONTROL_BUCKET, prefix: `${config.CONTROL_PREFIX}runs/${runId}/manifest/` },
        table: config.TABLE,
        ...(snapshot.startedAt !== undefined && { startedAt: snapshot.startedAt }),
        folder,
      },
    );
    const { totals } = found;
    const { counts } = totals;
    await found.dispose();
    expect(totals.images).toBe(40);
    expect(counts['processed-with-rows'] + counts['processed-without-rows']).toBe(snapshot.totals.processed);
    expect(counts['rejected-with-record'] + counts['rejected-without-record']).toBe(snapshot.totals.rejected);
    expect(counts['rejected-with-record']).toBeGreaterThan(0);
    expect(totals.processedWithoutRows['person-has-no-rows']).toBe(0);
    expect(counts.neither + counts['rows-without-outcome'] + counts['outcome-not-in-manifest']).toBe(0);
    expect(counts['processed-with-rows']).toBeGreaterThan(20);
  } finally {
    await rig.close();
  }
});
