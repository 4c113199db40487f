import { createHash } from 'node:crypto';
import { Uint8ArrayReader, Uint8ArrayWriter, ZipWriter } from '@zip.js/zip.js';
import * as fc from 'fast-check';
import { strToU8, unzipSync, Zip, ZipDeflate, type Zippable, zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { PackageError, type PackageLimits, readPackage, withFiles } from '../../../src/pipeline/package/package-zip.ts';
import { cpuMs } from '../../support/cpu-time.ts';
import { withField, withText, zipParts } from './zip-parts.ts';

const LIMITS: PackageLimits = { unpackedBytes: 100_000, files: 50 };
const UNIX = 3;
const REGULAR = 0o100644;
const MODULE = { path: 'ours.py', content: strToU8('def handler(event, context):\n    pass\n'), mode: 0o644 };

/** A package made by another library, as the tools of the team do. */
const zipOf = (files: Record<string, string | Uint8Array>, mode = REGULAR): Uint8Array =>
  zipSync(
    Object.fromEntries(
      Object.entries(files).map(([path, content]): [string, Zippable[string]] => [
        path,
        [typeof content === 'string' ? strToU8(content) : content, { os: UNIX, attrs: mode * 65_536, mtime: AT }],
      ]),
    ),
  );
const AT = new Date(2025, 10, 21, 9, 30);
const GOOD = zipOf({ 'lambda_function.py': 'def lambda_handler(): pass\n', 'OCR_VERSION.txt': 'VERSION=2.6.1\n' });

const STORED = zipSync(
  { 'lambda_function.py': strToU8('x'), 'OCR_VERSION.txt': strToU8('VERSION=2.6.1\n') },
  { level: 0 },
);

async function problemOf(zip: Uint8Array, limits = LIMITS): Promise<unknown> {
  try {
    await readPackage(zip, limits);
  } catch (error) {
    if (!(error instanceof PackageError)) throw error;
    return error.problem;
  }
  return 'taken';
}

/** The properties of a part that must not change. Offsets change, and flags only say how sizes are written. */
const kept = (zip: Uint8Array, without: string) =>
  zipParts(zip)
    .filter(({ path }) => path !== without)
    .map(({ path, madeBy, method, modified, crc, size, attributes, packed }) => ({
      path,
      madeBy,
      method,
      modified,
      crc,
      size,
      attributes,
      packed,
    }));

const segment = fc.oneof(
  fc.stringMatching(/^[a-z0-9_]{1,8}$/),
  fc.constantFrom('ünïcode', '日本', 'with space', 'x..y', '...', '__proto__', 'constructor'),
);
const filePath = fc
  .tuple(fc.array(segment, { maxLength: 2 }), segment, fc.constantFrom('.py', '.txt', '.so', ''))
  .map(([folders, name, ending]) => [...folders, `${name}${ending}`].join('/'));
const file = fc.record({
  path: filePath,
  content: fc.oneof(
    fc.uint8Array({ maxLength: 300 }),
    fc.string({ maxLength: 300 }).map((text) => strToU8(text.repeat(9))),
  ),
  mode: fc.constantFrom(0o100644, 0o100755, 0o100400, 0o120777, 0o100664, 0),
  os: fc.constantFrom(0, UNIX, 10),
  level: fc.constantFrom(0, 1, 9),
  day: fc.integer({ min: 1, max: 28 }),
});
type File = typeof file extends fc.Arbitrary<infer T> ? T : never;
const files = fc.uniqueArray(file, { minLength: 1, maxLength: 8, selector: ({ path }) => path });

/** Made by the streams of fflate, which write the sizes after each file and keep the order. */
function streamed(list: readonly File[]): Uint8Array {
  const chunks: Uint8Array[] = [];
  const zip = new Zip((error, chunk) => {
    if (error) throw error;
    chunks.push(chunk);
  });
  for (const { path, content, mode, os, level, day } of list) {
    const one = new ZipDeflate(path, { level });
    Object.assign(one, { os, attrs: mode * 65_536, mtime: new Date(2025, 5, day, 12) });
    zip.add(one);
    one.push(content, true);
  }
  zip.end();
  return new Uint8Array(Buffer.concat(chunks));
}

describe('a package with our module', () => {
  test('keeps the compressed bytes, mode, time and position of every other file, whether the module is added or replaced', async () => {
    await fc.assert(
      fc.asyncProperty(files, fc.option(fc.nat(8)), async (others, moduleAt) => {
        const list = others.filter(({ path }) => path !== MODULE.path);
        const former: File = { path: MODULE.path, content: strToU8('old'), mode: 0o100755, os: UNIX, level: 9, day: 3 };
        if (moduleAt !== null) list.splice(moduleAt, 0, former);
        const zip = streamed(list);
        const result = await withFiles(zip, [MODULE]);
        expect(kept(result, MODULE.path)).toEqual(kept(zip, MODULE.path));
        const ours = zipParts(result).filter(({ path }) => path === MODULE.path);
        expect(ours).toHaveLength(1);
        expect(ours[0]).toMatchObject({ madeBy: UNIX, attributes: REGULAR * 65_536, method: 0 });
        expect(Buffer.from(ours[0]?.packed ?? '', 'hex')).toEqual(Buffer.from(MODULE.content));
        // Another unpacker finds the same.
        const unpacked = unzipSync(result);
        for (const { path, content } of list)
          if (path !== MODULE.path) expect(Buffer.from(unpacked[path] ?? [])).toEqual(Buffer.from(content));
        const { entries } = await readPackage(result, LIMITS);
        expect(entries.map(({ path }) => path).sort()).toEqual(
          [...new Set([...list.map((one) => one.path), MODULE.path])].sort(),
        );
      }),
      { numRuns: 150 },
    );
  });
});

describe('adding our module', () => {
  test('gives the same bytes each time, and changes nothing when it is there already', async () => {
    const once = await withFiles(GOOD, [MODULE]);
    expect(Buffer.from(await withFiles(GOOD, [MODULE])).equals(once)).toBe(true);
    expect(Buffer.from(await withFiles(once, [MODULE])).equals(once)).toBe(true);
  });

  test('replaces an older module', async () => {
    const older = await withFiles(GOOD, [{ ...MODULE, content: strToU8('older, and of another length') }]);
    expect(Buffer.from(await withFiles(older, [MODULE])).equals(await withFiles(GOOD, [MODULE]))).toBe(true);
  });

  test('replaces a link of that name by a plain file', async () => {
    const zip = zipOf({ 'ours.py': '../../etc/passwd' }, 0o120777);
    expect(zipParts(await withFiles(zip, [MODULE]))).toMatchObject([{ path: 'ours.py', attributes: REGULAR * 65_536 }]);
  });

  test('keeps folders, links and their modes', async () => {
    const zip = zipSync({
      'package/': [new Uint8Array(), { os: UNIX, attrs: 0o040755 * 65_536 + 16, mtime: AT, level: 0 }],
      'package/bin': [strToU8('tool.py'), { os: UNIX, attrs: 0o120777 * 65_536, mtime: AT }],
    });
    const result = await withFiles(zip, [MODULE]);
    expect(kept(result, MODULE.path)).toEqual(kept(zip, MODULE.path));
    expect((await readPackage(result, LIMITS)).entries).toMatchObject([
      { path: 'package/', mode: 0o040755, size: 0 },
      { path: 'package/bin', mode: 0o120777, size: 7 },
      { path: 'ours.py', mode: REGULAR, size: MODULE.content.length },
    ]);
  });

  test('works for an empty package', async () => {
    expect((await readPackage(zipSync({}), LIMITS)).entries).toEqual([]);
    expect(Object.keys(unzipSync(await withFiles(zipSync({}), [MODULE])))).toEqual(['ours.py']);
  });

  test('works for a zip64 package', async () => {
    const writer = new ZipWriter(new Uint8ArrayWriter(), { zip64: true, useWebWorkers: false });
    await writer.add('a.py', new Uint8ArrayReader(strToU8('a = 1')), {
      externalFileAttributes: 0o100755 * 65_536,
      versionMadeBy: 0x0314,
    });
    const zip = await writer.close();
    const result = await withFiles(zip, [MODULE]);
    const unpacked = unzipSync(result);
    expect(Buffer.from(unpacked['a.py'] ?? []).toString()).toBe('a = 1');
    expect(Buffer.from(unpacked['ours.py'] ?? [])).toEqual(Buffer.from(MODULE.content));
    expect((await readPackage(result, LIMITS)).entries[0]).toMatchObject({ path: 'a.py', mode: 0o100755, size: 5 });
  });

  test('is refused for a file that is not a zip', async () => {
    await expect(withFiles(strToU8('no zip at all, but long enough to be one'), [MODULE])).rejects.toMatchObject({
      problem: { reason: 'not-a-zip' },
    });
  });
});

describe('a package that is read', () => {
  test('returns its unpacked files, and nothing else', async () => {
    const contents = await readPackage(GOOD, LIMITS);
    const sha256 = (text: string) => createHash('sha256').update(text).digest('hex');
    expect(contents.entries).toEqual([
      { path: 'lambda_function.py', mode: REGULAR, size: 27, sha256: sha256('def lambda_handler(): pass\n') },
      { path: 'OCR_VERSION.txt', mode: REGULAR, size: 14, sha256: sha256('VERSION=2.6.1\n') },
    ]);
    expect(contents.unpackedBytes).toBe(41);
    expect(await contents.text('OCR_VERSION.txt')).toBe('VERSION=2.6.1\n');
    expect(contents.has('toString')).toBe(false);
    expect(await contents.bytes('../OCR_VERSION.txt')).toBeUndefined();
    expect(await contents.text('ocr_version.txt')).toBeUndefined();
  });

  test.each([
    ['nothing', new Uint8Array()],
    ['a source file', strToU8('import lambda_function  # a source file instead of a zip')],
    ['the first half of a zip', GOOD.subarray(0, GOOD.length / 2)],
    ['a zip without its last byte', GOOD.subarray(0, -1)],
    ['a gzip', new Uint8Array(Buffer.from('1f8b0800000000000003030000000000000000001f8b0800000000000003', 'hex'))],
  ])('is refused when it is %s', async (_, zip) => {
    expect(await problemOf(zip)).toEqual({ reason: 'not-a-zip' });
  });

  test.each([
    '../a/../../b.py',
    '..//etc/passwd',
    '../',
    'a/../../b.py',
    'a/..',
    '/etc/passwd',
    '//server/share/x.py',
    'C:/Windows/x.py',
    'c:x.py',
    '..\\x.py',
    'a\\b.py',
    'a.py\0.txt',
  ])('is refused when it has the path %j', async (path) => {
    expect(await problemOf(zipOf({ 'fine.py': 'x', [path]: 'y' }))).toEqual({ reason: 'path-outside', path });
  });

  test.each([
    ['../OCR_VERSION.txt', 'OCR_VERSION.txt'],
    ['../../lib/x.py', 'lib/x.py'],
  ])('takes the entry %s as %s, as unzip does', async (name, path) => {
    const { entries, text } = await readPackage(zipOf({ 'fine.py': 'x', [name]: 'y' }), LIMITS);
    expect(entries.map((entry) => [entry.path, entry.outsideName])).toEqual([
      ['fine.py', undefined],
      [path, name],
    ]);
    expect(await text(path)).toBe('y');
  });

  test.each([
    [{ 'x.py': 'a', '../x.py': 'a' }, '../x.py'],
    [{ '../x.py': 'a', 'x.py': 'b' }, '../x.py'],
    [{ '../x.py': 'a', '../../x.py': 'b' }, '../../x.py'],
  ])('is refused when an entry would overwrite another one: %j', async (files, path) => {
    expect(await problemOf(zipOf(files))).toEqual({ reason: 'would-overwrite', path, overwritten: 'x.py' });
  });

  test('accepts names that only look like paths outside', async () => {
    expect(await problemOf(zipOf({ '..a/b..py': 'x', 'a/...': 'y', 'a b/c+d%2e%2e.py': 'z' }))).toBe('taken');
  });

  test('is refused when it has a path twice', async () => {
    const zip = withText(zipOf({ 'one.py': 'x', 'two.py': 'y' }), 'two.py', 'one.py');
    expect(await problemOf(zip)).toEqual({ reason: 'duplicate-path', path: 'one.py' });
  });

  test('is refused when a file is encrypted', async () => {
    const zip = withField(GOOD, 'OCR_VERSION.txt', 'flags', (flags) => flags | 1);
    expect(await problemOf(zip)).toEqual({ reason: 'encrypted', path: 'OCR_VERSION.txt' });
  });

  test.each([
    ['its checksum is wrong', withField(GOOD, 'OCR_VERSION.txt', 'crc', (crc) => (crc ^ 1) >>> 0)],
    ['its size is wrong', withField(GOOD, 'OCR_VERSION.txt', 'size', (size) => size - 1)],
    ['its stored text was changed', withText(STORED, '2.6.1', '2.6.2')],
  ])('is refused when a file is damaged: %s', async (_, zip) => {
    expect(await problemOf(zip)).toEqual({ reason: 'damaged', path: 'OCR_VERSION.txt' });
  });

  test('never returns other content, whichever bit of a file was flipped', async () => {
    const [part] = zipParts(GOOD);
    const packed = (part?.packed.length ?? 0) / 2;
    const from = (part?.fileAt ?? 0) + 30 + 'lambda_function.py'.length;
    expect(packed).toBeGreaterThan(20);
    let refused = 0;
    for (let at = from; at < from + packed; at++)
      for (let bit = 1; bit < 256; bit *= 2) {
        const zip = new Uint8Array(GOOD);
        zip[at] = (zip[at] ?? 0) ^ bit;
        const problem = await problemOf(zip);
        if (problem === 'taken') {
          // The padding bits of the last byte have no meaning.
          expect(await (await readPackage(zip, LIMITS)).text('lambda_function.py')).toBe(
            'def lambda_handler(): pass\n',
          );
        } else {
          expect(problem).toEqual({ reason: 'damaged', path: 'lambda_function.py' });
          refused++;
        }
      }
    expect(refused).toBeGreaterThanOrEqual(packed * 8 - 7);
  });

  test('is refused when the header of a file has another name than the directory', async () => {
    const zip = new Uint8Array(Buffer.from(GOOD));
    const [part] = zipParts(zip);
    zip.set(strToU8('../../etc/passwd.x'), (part?.fileAt ?? 0) + 30);
    expect(await problemOf(zip)).toEqual({ reason: 'damaged', path: 'lambda_function.py' });
  });
});

describe('the limits of a package', () => {
  const zeros = (bytes: number) => new Uint8Array(bytes);

  test('allow exactly the given bytes, counted over all files', async () => {
    const [half, rest] = [zeros(60_000), zeros(40_000)];
    expect(await problemOf(zipOf({ a: half, b: rest }))).toBe('taken');
    expect(await problemOf(zipOf({ a: half, b: rest, c: 'x' }))).toEqual({
      reason: 'too-large',
      path: 'c',
      most: 100_000,
    });
  });

  test('stop a zip bomb that states its size', async () => {
    const bomb = zipOf({ bomb: zeros(20_000_000) });
    expect(bomb.length).toBeLessThan(100_000);
    expect(await problemOf(bomb)).toEqual({ reason: 'too-large', path: 'bomb', most: 100_000 });
  });

  test('stop a zip bomb that states a small size, before it is unpacked completely', async () => {
    const bomb = withField(zipOf({ 'fine.py': 'x', bomb: zeros(60_000_000) }), 'bomb', 'size', () => 10);
    const inflated = cpuMs();
    expect(unzipSync(zipOf({ bomb: zeros(60_000_000) })).bomb).toHaveLength(60_000_000);
    const inflatingMs = cpuMs() - inflated;
    const begun = cpuMs();
    expect(await problemOf(bomb)).toMatchObject({
      reason: expect.stringMatching(/^(damaged|too-large)$/),
      path: 'bomb',
    });
    expect(cpuMs() - begun).toBeLessThan(inflatingMs / 2);
  });

  test('count the unpacked bytes, not the stated size', async () => {
    const zip = withField(zipOf({ a: zeros(50_000) }), 'a', 'size', () => 10);
    const result = await readPackage(zip, LIMITS).then(
      ({ unpackedBytes }) => unpackedBytes,
      (error: unknown) => error,
    );
    if (result instanceof PackageError) expect(result.problem).toEqual({ reason: 'damaged', path: 'a' });
    else expect(result).toBe(50_000);
  });

  test('apply to the number of files, including empty ones', async () => {
    const many = (count: number) => zipOf(Object.fromEntries(Array.from({ length: count }, (_, at) => [`f${at}`, ''])));
    expect(await problemOf(many(50))).toBe('taken');
    expect(await problemOf(many(51))).toEqual({ reason: 'too-many-files', files: 51, most: 50 });
  });
});

describe('the message of a refused package', () => {
  test.each([
    [{ reason: 'not-a-zip' }, 'It is not a zip file.'],
    [{ reason: 'path-outside', path: '../x' }, 'It has a path outside the package: "../x".'],
    [{ reason: 'too-large', path: 'a', most: 9 }, 'Unpacked it is larger than 9 bytes (at "a").'],
    [{ reason: 'too-many-files', files: 3, most: 2 }, 'It has 3 files; at most 2 are allowed.'],
    [{ reason: 'duplicate-path', path: 'a' }, 'It has "a" twice.'],
    [{ reason: 'would-overwrite', path: '../a', overwritten: 'a' }, 'Its entry "../a" would overwrite "a".'],
    [{ reason: 'encrypted', path: 'a' }, 'Its file "a" is encrypted.'],
    [{ reason: 'damaged', path: 'a' }, 'Its file "a" is damaged: its checksum or its content is wrong.'],
  ] as const)('says what is wrong: %j', (problem, message) => {
    expect(new PackageError(problem).message).toBe(message);
  });
});
