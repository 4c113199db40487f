import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { BucketImage } from '../../../src/pipeline/images.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import type { OutcomeRecord } from '../../../src/run/model/types.ts';
import { resolveScope } from '../../../src/run/scope/resolve-scope.ts';
import type { Scope, ScopeRequest } from '../../../src/run/scope/scope.ts';
import { createScopeFilter } from '../../../src/run/scope/scope-filter.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';

const BUCKET = 'images';

const entry = (person: string, day: string, image?: string): Item => ({
  ResourceName: { S: person.replaceAll(' ', '_') },
  DateProjectCode: { S: `${day}#PJ1` },
  ResourceNameDisplay: { S: person },
  Date: { S: day },
  ProjectCode: { S: 'PJ1' },
  Hours: { N: '7.5' },
  ...(image === undefined ? {} : { SourceImage: { S: image } }),
});
const failedImage = (image: string): Item => ({
  ResourceName: { S: `FAILED#${image}` },
  DateProjectCode: { S: '2025-11-21T10:00:00Z' },
  RecordType: { S: 'FAILED_IMAGE' },
  ImageKey: { S: image },
});
const coverage = (person: string): Item => ({
  ResourceName: { S: `${person.replaceAll(' ', '_')}#2025-09` },
  DateProjectCode: { S: 'COVERAGE' },
  WeeksSubmitted: { SS: ['2025-09-01'] },
});
const image = (key: string, more: Partial<BucketImage> = {}): BucketImage => ({
  key,
  size: 10,
  modifiedAt: Date.parse('2025-09-10'),
  ...more,
});
const outcome = (key: string, resourceName: string): OutcomeRecord => ({
  index: 0,
  key,
  outcome: { kind: 'processed', entriesStored: 5, resourceName },
  startedAt: 0,
  durationMs: 1,
  throttles: 0,
});

async function* streamOf<T>(values: readonly T[]): AsyncGenerator<T> {
  yield* values;
}

const filterOf = (manifest: readonly string[]) =>
  createScopeFilter(streamOf(manifest.map((key) => ({ key }))), {
    count: manifest.length,
    keys: PIPELINE_KEYS,
    bucket: BUCKET,
  });

/** Resolves a scope; returns it with the keys of its manifest. */
async function resolve(
  request: ScopeRequest,
  { rows, images, outcomes }: { rows: readonly Item[]; images: readonly BucketImage[]; outcomes?: OutcomeRecord[] },
) {
  const manifest: string[] = [];
  // Two streams with pages of two records, so that the records of an image come in several lines.
  const half = Math.ceil(rows.length / 2);
  const pagesOf = (items: readonly Item[]) =>
    streamOf(
      Array.from({ length: Math.ceil(items.length / 2) }, (_, at) => ({ items: items.slice(at * 2, at * 2 + 2) })),
    );
  const resolved = await resolveScope(
    { id: 's-1', request, by: 'U1', at: 5 },
    {
      bucket: BUCKET,
      keys: PIPELINE_KEYS,
      rows: [pagesOf(rows.slice(0, half)), pagesOf(rows.slice(half))],
      images: streamOf(images),
      ...(outcomes ? { outcomes: streamOf([{ records: outcomes }]) } : {}),
      async writeManifest(_, chosen) {
        let bytes = 0;
        for await (const { key, size } of chosen) {
          manifest.push(key);
          bytes += size;
        }
        return { version: 1, count: manifest.length, bytes, partSize: 5000, parts: [] };
      },
    },
  );
  return { resolved, manifest };
}

async function scopeOf(...given: Parameters<typeof resolve>): Promise<{ scope: Scope; manifest: string[] }> {
  const { resolved, manifest } = await resolve(...given);
  if (!resolved.ok) throw new Error(JSON.stringify(resolved.refusal));
  return { scope: resolved.value, manifest };
}

/** Ana has two images, Bob one; one image of Ana also holds a row of Bob. */
const rows = [
  entry('Ana Bel', '2025-09-01', 'a1.png'),
  entry('Ana Bel', '2025-09-02', 'a1.png'),
  entry('Bob Ray', '2025-09-02', 'a1.png'),
  entry('Ana Bel', '2025-10-01', 'a2.png'),
  entry('Bob Ray', '2025-09-08', 'b1.png'),
  entry('Ana Bel', '2025-08-01'),
  coverage('Ana Bel'),
  failedImage('c1.png'),
];
const images = ['a1.png', 'a2.png', 'b1.png', 'c1.png'].map((key) => image(key));

describe('a scope by people', () => {
  it('has every image that names the person, and all records of these images', async () => {
    const { scope, manifest } = await scopeOf({ people: ['ana bel'] }, { rows, images });
    expect(manifest).toEqual(['a1.png', 'a2.png']);
    expect(scope.records).toMatchObject({ entry: 4, total: 4 });
    expect(scope).toMatchObject({ beyond: 1, nameless: 1, others: 4 });
    expect(scope.people.top).toEqual([
      { name: 'Ana_Bel', records: 3 },
      { name: 'Bob_Ray', records: 1 },
    ]);
  });

  it('finds a person by the display name, in any capitalisation, with spaces or underscores', async () => {
    for (const name of ['Ana_Bel', ' ANA  BEL', 'Ana Bel'])
      expect((await scopeOf({ people: [name] }, { rows, images })).manifest).toEqual(['a1.png', 'a2.png']);
  });

  it('is refused for a person who is not in the table, with the names that are near', async () => {
    const { resolved } = await resolve({ people: ['Ana Bell', 'Bob Ray'] }, { rows, images });
    expect(resolved).toEqual({
      ok: false,
      refusal: { reason: 'unknown-people', people: [{ name: 'Ana Bell', suggestions: ['Ana Bel'] }] },
    });
  });

  it('has an image whose rows are gone when the last run stored it for that person', async () => {
    const outcomes = [outcome('c1.png', 'Ana Bel'), outcome('b1.png', 'Bob Ray')];
    const { manifest } = await scopeOf({ people: ['Ana Bel'] }, { rows, images, outcomes });
    expect(manifest).toEqual(['a1.png', 'a2.png', 'c1.png']);
  });

  it('has no image that a newer outcome stored for somebody else', async () => {
    const [asAna, asBob] = [outcome('c1.png', 'Ana Bel'), outcome('c1.png', 'Bob Ray')];
    expect((await scopeOf({ people: ['Ana Bel'] }, { rows, images, outcomes: [asAna, asBob] })).manifest).toEqual([
      'a1.png',
      'a2.png',
    ]);
    expect((await scopeOf({ people: ['Ana Bel'] }, { rows, images, outcomes: [asBob, asAna] })).manifest).toContain(
      'c1.png',
    );
  });

  it('keeps a person called __proto__ apart', async () => {
    const odd = [...rows, entry('__proto__', '2025-09-01', 'b1.png')];
    const { scope } = await scopeOf({ people: ['__proto__'] }, { rows: odd, images });
    expect(scope.people.top).toContainEqual({ name: '__proto__', records: 1 });
    expect(scope.images).toBe(1);
  });
});

describe('a scope by days', () => {
  it('has the images with a record on one of these days, both included', async () => {
    const { scope, manifest } = await scopeOf({ from: '2025-09-02', to: '2025-09-08' }, { rows, images });
    expect(manifest).toEqual(['a1.png', 'b1.png']);
    expect(scope).toMatchObject({ beyond: 1 });
  });

  it('counts a zero-hour week by the days of that week', async () => {
    const week: Item = {
      ResourceName: { S: 'Cy' },
      DateProjectCode: { S: 'WEEK#2025-11-03' },
      WeekStartDate: { S: '2025-11-03' },
      WeekEndDate: { S: '2025-11-09' },
      SourceImage: { S: 'c1.png' },
    };
    const { manifest } = await scopeOf({ from: '2025-11-05', to: '2025-11-06' }, { rows: [...rows, week], images });
    expect(manifest).toEqual(['c1.png']);
  });

  it('needs the person and the day on the same record', async () => {
    const { manifest } = await scopeOf({ people: ['Bob Ray'], from: '2025-09-08' }, { rows, images });
    expect(manifest).toEqual(['b1.png']);
  });
});

describe('a scope by images', () => {
  it('has exactly these images', async () => {
    const { scope, manifest } = await scopeOf({ images: ['b1.png', 'c1.png'] }, { rows, images });
    expect(manifest).toEqual(['b1.png', 'c1.png']);
    expect(scope).toMatchObject({ records: { entry: 1, failed: 1, total: 2 }, beyond: 0, nameless: 6 - 5 });
  });

  it('is refused for an image that is neither in the bucket nor in the table', async () => {
    const { resolved } = await resolve({ images: ['b1.png', 'nope.png'] }, { rows, images });
    expect(resolved).toEqual({ ok: false, refusal: { reason: 'unknown-images', images: ['nope.png'], total: 1 } });
  });

  it('takes the only key that looks like the one typed, the exact one first, and names both where two do', async () => {
    const [thin, wide, plain] = ['4.05\u202fPM.png', '4.05\u00a0PM.png', '4.05 PM.png'];
    const of = (...keys: string[]) => ({
      rows: [entry('Ana Bel', '2025-09-01', thin)],
      images: keys.map((key) => image(key)),
    });
    const one = await scopeOf({ images: [plain] }, of('a.png', thin));
    expect(one.manifest).toEqual([thin]);
    expect(one.scope).toMatchObject({ criteria: { images: { total: 1, first: [thin] } }, records: { total: 1 } });
    expect((await scopeOf({ images: [plain] }, of(thin, plain))).manifest).toEqual([plain]);
    expect((await resolve({ images: [plain] }, of(thin, wide))).resolved).toEqual({
      ok: false,
      refusal: { reason: 'look-alike-images', typed: plain, names: [wide, thin] },
    });
    // Also where only records name it, and where two spellings mean one image.
    expect((await resolve({ images: [plain] }, of('a.png'))).resolved).toMatchObject({
      refusal: { reason: 'empty-scope', missing: { images: 1, examples: [thin] } },
    });
    expect((await scopeOf({ images: [plain, thin] }, of(thin))).manifest).toEqual([thin]);
  });

  it('takes a person whose name was typed with the quotes of a phone', async () => {
    const found = await scopeOf(
      { people: ['zo\u00eb o\u2019neil'] },
      {
        rows: [entry("Zo\u00eb O'Neil", '2025-09-01', 'a.png')],
        images: [image('a.png')],
      },
    );
    expect(found.manifest).toEqual(['a.png']);
  });

  it('takes a record that names its image with the bucket', async () => {
    const more = [...rows, entry('Cy', '2025-09-03', `s3://${BUCKET}/c1.png`)];
    expect((await scopeOf({ images: ['c1.png'] }, { rows: more, images })).scope.records.total).toBe(2);
  });

  it('leaves out the record of an image in a folder that is called like the bucket', async () => {
    const inFolder = `${BUCKET}/c1.png`;
    const scoped = await scopeOf(
      { images: ['c1.png'] },
      { rows: [...rows, entry('Cy', '2025-09-03', inFolder)], images: [...images, image(inFolder)] },
    );
    expect(scoped.scope.records.total).toBe(1);
    const filter = await filterOf(scoped.manifest);
    expect(filter.covers(entry('Cy', '2025-09-03', inFolder))).toBe(false);
    await filter.dispose();
  });
});

describe('a scope by failed images and by the time of the object', () => {
  it('has the images with a failed-image record', async () => {
    expect((await scopeOf({ failed: true }, { rows, images })).manifest).toEqual(['c1.png']);
  });

  it('has the images that changed since a day', async () => {
    const changed = [...images, image('new.png', { modifiedAt: Date.parse('2025-11-01T00:00:00Z') })];
    expect((await scopeOf({ changedSince: '2025-11-01' }, { rows, images: changed })).manifest).toEqual(['new.png']);
  });
});

describe('images that a rescan cannot read', () => {
  it('are counted with their records, the oldest day and the people, and stay out of the scope', async () => {
    const present = images.filter(({ key }) => key !== 'a2.png');
    const { scope, manifest } = await scopeOf({}, { rows, images: present });
    expect(manifest).toEqual(['a1.png', 'b1.png', 'c1.png']);
    expect(scope.missing).toEqual({
      images: 1,
      records: 1,
      examples: ['a2.png'],
      people: { total: 1, top: [{ name: 'Ana_Bel', records: 1 }] },
      oldestDay: '2025-10-01',
    });
    expect(scope).toMatchObject({ nameless: 1, others: 3 });
  });

  it('are archived objects, too', async () => {
    const archived = images.map((each) => (each.key === 'b1.png' ? { ...each, isArchived: true as const } : each));
    const { scope, manifest } = await scopeOf({}, { rows, images: archived });
    expect(manifest).not.toContain('b1.png');
    expect(scope.archived).toMatchObject({ images: 1, records: 1, examples: ['b1.png'] });
  });

  it('leave no scope when there is no other image', async () => {
    const { resolved } = await resolve({ people: ['Bob Ray'] }, { rows, images: [] });
    expect(resolved).toMatchObject({
      ok: false,
      refusal: { reason: 'empty-scope', missing: { images: 2, records: 4 } },
    });
  });
});

it('ends with the error of a source', async () => {
  const broken = async function* (): AsyncGenerator<BucketImage> {
    yield image('a1.png');
    throw new Error('no network');
  };
  const resolving = resolveScope(
    { id: 's-1', request: {}, by: 'U1', at: 5 },
    {
      bucket: BUCKET,
      keys: PIPELINE_KEYS,
      rows: [streamOf([{ items: rows }])],
      images: broken(),
      writeManifest: () => Promise.reject(),
    },
  );
  await expect(resolving).rejects.toThrow('no network');
});

it('every record of the table is in the scope or stays, and the filter agrees with the counts', async () => {
  const keys = fc.constantFrom<string[]>('a', 'b', 'c', 'd', 'e');
  const people = fc.constantFrom('Ana Bel', 'Bob Ray', 'Cy Lo');
  const days = fc.constantFrom('2025-09-01', '2025-09-15', '2025-10-01');
  const anyRow = fc.oneof(
    fc.tuple(people, days, fc.option(keys, { nil: undefined })).map(([person, day, key]) => entry(person, day, key)),
    keys.map(failedImage),
    people.map(coverage),
  );
  const request = fc.record(
    {
      from: days,
      to: days,
      images: fc.uniqueArray(keys, { minLength: 1 }),
      failed: fc.constant(true as const),
    },
    { requiredKeys: [] },
  );
  await fc.assert(
    fc.asyncProperty(
      fc.array(anyRow, { maxLength: 12 }),
      fc.uniqueArray(keys),
      request,
      async (table, bucket, asked) => {
        const { resolved, manifest } = await resolve(asked, { rows: table, images: bucket.map((key) => image(key)) });
        if (!resolved.ok) return;
        const scope = resolved.value;
        const filter = await filterOf(manifest);
        const covered = table.filter(filter.covers);
        expect(covered).toHaveLength(scope.records.total);
        expect(scope.records.total + scope.others).toBe(table.length);
        expect(manifest.every((key) => bucket.includes(key))).toBe(true);
        if (asked.images) expect(manifest.every((key) => asked.images?.includes(key))).toBe(true);
        await filter.dispose();
      },
    ),
    { numRuns: 200 },
  );
});
