import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect, test } from 'vitest';
import { fileExists } from '../../../src/lib/disk/lines.ts';

test('fileExists finds a file and a folder, and no file that was removed', async () => {
  const folder = mkdtempSync(join(tmpdir(), 'file-exists-'));
  const path = join(folder, 'STOP');
  expect(await fileExists(path)).toBe(false);
  writeFileSync(path, '');
  expect(await fileExists(path)).toBe(true);
  expect(await fileExists(folder)).toBe(true);
  rmSync(folder, { recursive: true });
  expect(await fileExists(path)).toBe(false);
});
