import { describe, expect, test } from 'vitest';
import { entry, inOneFolder, processed, reconciled, record } from './reconcile-rig.ts';

inOneFolder();

describe('a reconciliation', () => {
  test('finds an image by another spelling of its key: with the bucket, URL-encoded, in another Unicode form', async () => {
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
    expect(totals).toMatchObject({ images: 5, otherSpellings: 5 });
  });

  test('assigns rows to the exact spelling, and to no image when two could be meant', async () => {
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
    expect(totals.otherSpellings).toBe(0);
  });

  test('finds the rows of a person whose name has another spelling', async () => {
    const { totals } = await reconciled({
      manifest: ['one', 'two'],
      outcomes: [record('one', processed(1, 'zoë  QUILL')), record('two', processed(1, 'Nik_Coultas'))],
      items: [entry('other', { person: 'Zoe\u0308_Quill' }), entry('another', { person: 'nik coultas' })],
    });
    expect(totals.processedWithoutRows).toEqual({ 'nothing-stored': 0, missing: 0, unclear: 2 });
  });

  test('keeps keys with any characters exact', async () => {
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
});
