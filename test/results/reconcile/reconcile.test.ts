import { describe, expect, test } from 'vitest';
import { reconcile } from '../../../src/results/reconcile/reconcile.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';
import {
  entry,
  failed,
  failure,
  folder,
  inOneFolder,
  processed,
  reconciled,
  record,
  rejected,
  rejection,
  sourcesOf,
} from './reconcile-rig.ts';

inOneFolder();

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

  test('says about a processed image without rows only what is proven', async () => {
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
      lost: 'missing',
      'lost too': 'missing',
      who: 'unclear',
      shown: 'unclear',
    });
    expect(totals.processedWithoutRows).toEqual({ 'nothing-stored': 1, missing: 2, unclear: 3 });
  });

  test('does not count a failure record that is older than the attempt', async () => {
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

  test('counts images with fewer rows than reported, images with only older rows, and failed images with rows', async () => {
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
    expect(totals).toMatchObject({ withFewerRows: 1, failedWithRows: 1 });
    expect(totals.counts['processed-with-older-rows']).toBe(1);
  });

  test('distinguishes images that were added during the run from older ones', async () => {
    const { ProcessingTimestamp: _, ...timeless } = entry('timeless');
    const { images, totals } = await reconciled({
      manifest: [],
      items: [entry('added', { at: 1 }), entry('older', { at: -100 }), timeless, failure('INVALID_IMAGE.png', -100)],
    });
    const since = images.flatMap((image) => (image.kind === 'not-in-manifest' ? [[image.key, image.since]] : []));
    expect(Object.fromEntries(since)).toEqual({
      added: 'run-start',
      older: 'before',
      timeless: 'unknown',
      'INVALID_IMAGE.png': 'before',
    });
    expect(totals.notInManifest).toEqual({ 'run-start': 1, before: 2, unknown: 1 });
  });

  test('uses the last of several outcomes: an image was invoked again, or its rows are missing', async () => {
    const { kinds, totals } = await reconciled({
      manifest: ['twice', 'twice'],
      outcomes: [record('twice', failed), record('twice', processed(1)), record('twice', rejected)],
    });
    expect(kinds).toEqual({ twice: 'rejected-without-record' });
    expect(totals).toMatchObject({ images: 1, repeatedOutcomes: 2, repeatedKeys: 1 });
  });

  test('can list only some kinds', async () => {
    const found = await reconcile(sourcesOf({ manifest: ['a', 'b'], items: [entry('b')] }), {
      keys: PIPELINE_KEYS,
      folder,
    });
    const kinds: string[] = [];
    for await (const { kind } of found.images(['neither'])) kinds.push(kind);
    expect(kinds).toEqual(['neither']);
    await found.dispose();
  });
});

test('A reconciliation counts images that are gone, that need a review, and whose reply was too large, by their rows', async () => {
  const tooLarge = { kind: 'failed', failureType: 'REPLY_TOO_LARGE', message: 'too large' } as const;
  const { kinds, totals, images } = await reconciled({
    manifest: ['gone', 'large', 'large old', 'large none', 'odd', 'fine'],
    outcomes: [
      record('gone', { kind: 'gone' }),
      record('large', tooLarge),
      record('large old', tooLarge),
      record('large none', tooLarge),
      record('odd', { kind: 'processed', entriesStored: 1, review: ['Weekly total mismatch'] }),
      record('fine', processed(1)),
    ],
    items: [entry('large'), entry('large old', { at: -600 }), entry('odd'), entry('fine')],
  });
  expect(kinds.gone).toBe('gone');
  expect(totals.counts.gone).toBe(1);
  expect(totals.replyTooLarge).toEqual({ images: 3, withRows: 1 });
  expect(totals.needsReview).toBe(1);
  expect(images.filter(({ outcome }) => outcome?.needsReview).map(({ key }) => key)).toEqual(['odd']);
});
