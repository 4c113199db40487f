import { strToU8, unzipSync, zipSync } from 'fflate';
import { describe, expect, test } from 'vitest';
import { spliceFiles } from '../../../src/pipeline/package/package-splice.ts';
import { withFiles } from '../../../src/pipeline/package/package-zip.ts';

const MODULE = { path: 'ours.py', content: strToU8('print("ours")\n'), mode: 0o644 };
const OTHER = { path: 'ours_too.py', content: strToU8('print("too")\n'), mode: 0o644 };
const END_BYTES = 22;

/** A package with fields of every kind that unpackers do not need: times, owners, comments of files and of the package. */
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

describe('files spliced into a package', () => {
  test('leave each byte in front of the directory, each record in it and the comment as they were', async () => {
    const zip = rich({ 'a.py': 'a = 1\n'.repeat(40), 'folder/b.txt': 'b' });
    const result = Buffer.from(await withFiles(zip, [MODULE, OTHER]));
    const [before, after] = [directoryAt(zip), directoryAt(result)];
    expect(result.subarray(0, before).equals(zip.subarray(0, before))).toBe(true);
    const records = zip.subarray(before, zip.length - 'of the package'.length - END_BYTES);
    expect(result.subarray(after, after + records.length).equals(records)).toBe(true);
    expect(result.subarray(-'of the package'.length).toString()).toBe('of the package');
    expect(Object.keys(unzipSync(result))).toEqual(['a.py', 'folder/b.txt', 'ours.py', 'ours_too.py']);
  });

  test('take the place of those of their paths wherever these stand, and only their bytes go', async () => {
    const zip = rich({ 'a.py': 'a', 'ours.py': 'older and longer', 'b.py': 'b', 'ours_too.py': '', 'c.py': 'c' });
    const once = await withFiles(zip, [MODULE, OTHER]);
    const without = await withFiles(rich({ 'a.py': 'a', 'b.py': 'b', 'c.py': 'c' }), [MODULE, OTHER]);
    expect(Buffer.from(once).equals(without)).toBe(true);
    expect(Buffer.from(await withFiles(once, [MODULE, OTHER])).equals(once)).toBe(true);
  });

  test('are not spliced into what has no plain directory: something in front of it, behind it, or a directory that lies', () => {
    const zip = rich({ 'a.py': 'a' });
    const lying = Buffer.from(zip);
    lying.writeUInt16LE(7, lying.length - 'of the package'.length - END_BYTES + 10);
    const elsewhere = Buffer.from(zip);
    elsewhere.writeUInt32LE(3, directoryAt(zip) + 42);
    for (const odd of [
      Buffer.concat([Buffer.from('#!/bin/sh\n'), zip]),
      Buffer.concat([zip, Buffer.from('more')]),
      lying,
      elsewhere,
      Buffer.from('no zip'),
      Buffer.alloc(0),
    ])
      expect(spliceFiles(odd, [MODULE])).toBeUndefined();
  });
});
