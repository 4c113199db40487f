import { strToU8, unzipSync, zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';

import { readPackage, withFiles } from '../../../src/pipeline/package/package-zip.ts';

const MODULE = { path: 'ours.py', content: strToU8('print("ours")\n'), mode: 0o644 };
const OTHER = { path: 'ours_too.py', content: strToU8('print("too")\n'), mode: 0o644 };
const END_BYTES = 22;

/**
 * A package with fields of every kind that unpackers do not need: times, owners, comments of files and of the package.
 */
function rich(files: Record<string, string>, comment = 'of the package'): Buffer {
  const zip = Buffer.from(
    zipSync(
      Object.fromEntries(
        Object.entries(files).map(([path, text]) => [
          path,
          [
            strToU8(text),
            {
              os: 3,
              attrs: (0o100755 << 16) >>> 0,
              mtime: new Date(2024, 1, 2, 3, 4, 6),
              extra: {
                30837: new Uint8Array([1, 4, 232, 3, 0, 0, 4, 232, 3, 0, 0]),
                21589: new Uint8Array([1, 1, 2, 3, 4]),
              },
              comment: `of ${path}`,
            },
          ],
        ]),
      ),
    ),
  );
  zip.writeUInt16LE(Buffer.byteLength(comment), zip.length - 2);
  return Buffer.concat([zip, Buffer.from(comment)]);
}
const directoryAt = (zip: Buffer, comment = 'of the package') =>
  zip.readUInt32LE(zip.length - Buffer.byteLength(comment) - END_BYTES + 16);

describe('a package to which files are added', () => {
  test('keeps each byte in front of its directory, each record in it and its comment', async () => {
    const zip = rich({ 'a.py': 'a = 1\n'.repeat(40), 'folder/b.txt': 'b' });
    const result = Buffer.from(await withFiles(zip, [MODULE, OTHER]));
    const [before, after] = [directoryAt(zip), directoryAt(result)];
    expect(result.subarray(0, before).equals(zip.subarray(0, before))).toBe(true);
    const records = zip.subarray(before, zip.length - 'of the package'.length - END_BYTES);
    expect(result.subarray(after, after + records.length).equals(records)).toBe(true);
    expect(result.subarray(-'of the package'.length).toString()).toBe('of the package');
    expect(Object.keys(unzipSync(result))).toEqual(['a.py', 'folder/b.txt', 'ours.py', 'ours_too.py']);
  });

  test('loses only the bytes of the files that are replaced, wherever these are', async () => {
    const zip = rich({ 'a.py': 'a', 'ours.py': 'older and longer', 'b.py': 'b', 'ours_too.py': '', 'c.py': 'c' });
    const once = await withFiles(zip, [MODULE, OTHER]);
    const without = await withFiles(rich({ 'a.py': 'a', 'b.py': 'b', 'c.py': 'c' }), [MODULE, OTHER]);
    expect(Buffer.from(once).equals(without)).toBe(true);
    expect(Buffer.from(await withFiles(once, [MODULE, OTHER])).equals(once)).toBe(true);
  });

  test('loses only the entries that are named as removed', async () => {
    const zip = rich({ 'a.py': 'a', '../OCR_VERSION.txt': 'VERSION=2.6.1\n', 'c.py': 'c' });
    const result = await withFiles(zip, [MODULE], ['../OCR_VERSION.txt']);
    expect(Buffer.from(result).equals(await withFiles(rich({ 'a.py': 'a', 'c.py': 'c' }), [MODULE]))).toBe(true);
  });

  test('keeps its files when there is something in front of it or behind it', async () => {
    const zip = rich({ 'a.py': 'a' });
    for (const odd of [Buffer.concat([Buffer.from('#!/bin/sh\n'), zip]), Buffer.concat([zip, Buffer.from('more')])]) {
      const unpacked = unzipSync(await withFiles(odd, [MODULE]));
      expect(Buffer.from(unpacked['a.py'] ?? []).toString()).toBe('a');
      expect(Buffer.from(unpacked['ours.py'] ?? [])).toEqual(Buffer.from(MODULE.content));
    }
  });

  test('is refused when it is not a zip, or its directory does not agree with its files', async () => {
    const zip = rich({ 'a.py': 'a' });
    const count = Buffer.from(zip);
    for (const at of [8, 10]) count.writeUInt16LE(7, count.length - 'of the package'.length - END_BYTES + at);
    for (const odd of [count, Buffer.from('no zip'), Buffer.alloc(0)])
      await expect(withFiles(odd, [MODULE])).rejects.toMatchObject({ problem: { reason: 'not-a-zip' } });
    // Such a package is never deployed, because it is read before files are added.
    const elsewhere = Buffer.from(zip);
    elsewhere.writeUInt32LE(3, directoryAt(zip) + 42);
    await expect(readPackage(elsewhere, { unpackedBytes: 1_000, files: 10 })).rejects.toMatchObject({
      problem: { reason: 'damaged', path: 'a.py' },
    });
  });
});
