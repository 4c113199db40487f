import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { scanTable } from '../../../src/pipeline/table/scan.ts';
import { type Diff, type DiffRequest, diffWithBackup } from '../../../src/results/diff/diff.ts';
import { type BackupWorld, startBackupWorld } from '../../backup/backup-rig.ts';
import { openFilesIn } from '../../lib/csv/open-files.ts';
import { deleteKeys, putItems } from '../../support/aws/items.ts';

export let world: BackupWorld;
export let folder = '';

/**
 * One local AWS and one folder for the tests of a file. After each test it checks that the folder is empty and no file
 * in it is open.
 */
export function inOneWorld(): void {
  beforeAll(async () => {
    world = await startBackupWorld();
    folder = await mkdtemp(join(tmpdir(), 'diff-'));
  });
  afterAll(async () => {
    await world.stop();
    await rm(folder, { recursive: true });
  });

  afterEach(async () => {
    expect(await readdir(folder)).toEqual([]);
    expect(await openFilesIn(folder)).toEqual([]);
  });
}

export const put = (table: string, ...items: Item[]) => putItems(world.dynamodb, table, items);
export const remove = (table: string, ...items: Item[]) =>
  deleteKeys(
    world.dynamodb,
    table,
    items.map(({ ResourceName, DateProjectCode }) => ({
      ...(ResourceName && { ResourceName }),
      ...(DateProjectCode && { DateProjectCode }),
    })),
  );
export async function all<T>(items: AsyncIterable<T>): Promise<T[]> {
  const found: T[] = [];
  for await (const item of items) found.push(item);
  return found;
}
/** Runs a diff, and disposes of it after `look`. */
export async function diffed<T>(request: DiffRequest, look: (diff: Diff) => Promise<T>): Promise<T> {
  const diff = await diffWithBackup(world, { folder, ...request });
  try {
    return await look(diff);
  } finally {
    await diff.dispose();
  }
}
/** A table with a backup of `before` and then the content `after`. */
export async function changedTable(before: readonly Item[], after: readonly Item[]) {
  const table = await world.table(before);
  const { id } = await world.backup(table);
  await remove(table, ...before);
  await put(table, ...after);
  return { table, backupId: id };
}
export const itemsOf = async (table: string): Promise<Item[]> =>
  (await all(scanTable(world.dynamodb, table, { segments: 1 })[0] ?? (async function* () {})())).flatMap(
    ({ items }) => items,
  );
