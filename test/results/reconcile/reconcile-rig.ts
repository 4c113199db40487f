import { mkdtemp, readdir, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, afterEach, beforeAll, expect } from 'vitest';
import type { Outcome } from '../../../src/pipeline/invoke/invocation.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { type Reconciliation, reconcile } from '../../../src/results/reconcile/reconcile.ts';
import type { ReconciledImage } from '../../../src/results/reconcile/reconcile-image.ts';
import type { ReconcileOptions, ReconcileSources } from '../../../src/results/reconcile/reconcile-sources.ts';
import type { OutcomeRecord } from '../../../src/run/model/types.ts';
import { openFilesIn } from '../../lib/csv/open-files.ts';
import { PIPELINE_KEYS } from '../../support/aws/pipeline-keys.ts';

export let folder = '';

/** One folder for the tests of a file. After each test it checks that it is empty and that no file in it is open. */
export function inOneFolder(): void {
  beforeAll(async () => {
    folder = await mkdtemp(join(tmpdir(), 'reconcile-'));
  });
  afterAll(() => rm(folder, { recursive: true }));
  afterEach(async () => {
    expect(await readdir(folder)).toEqual([]);
    expect(await openFilesIn(folder)).toEqual([]);
  });
}

const START = Date.parse('2025-11-24T10:00:00Z');
const iso = (minutes: number) => new Date(START + minutes * 60_000).toISOString();

export const entry = (image: string, options: { person?: string; at?: number; range?: string } = {}): Item => ({
  ResourceName: { S: options.person ?? 'Nik_Coultas' },
  DateProjectCode: { S: options.range ?? `2025-09-29#${image}` },
  ProjectCode: { S: 'PJ1' },
  SourceImage: { S: image },
  ProcessingTimestamp: { S: iso(options.at ?? 5) },
});
export const rejection = (image: string): Item => ({
  ...entry(image, { range: `REJECTED#${image}` }),
  Rejected: { BOOL: true },
});
export const failure = (image: string, at = 5): Item => ({
  ResourceName: { S: 'FAILED_IMAGE' },
  DateProjectCode: { S: image },
  RecordType: { S: 'FAILED_IMAGE' },
  ImageKey: { S: image },
  FailureTimestamp: { S: iso(at) },
});
export const processed = (entriesStored?: number, resourceName = 'Nik Coultas'): Outcome => ({
  kind: 'processed',
  resourceName,
  ...(entriesStored !== undefined && { entriesStored }),
});
export const rejected: Outcome = { kind: 'rejected', reason: 'not Posted' };
export const failed: Outcome = { kind: 'failed', failureType: 'OCR_ERROR', message: 'x' };
export const record = (key: string, outcome: Outcome): OutcomeRecord => ({
  index: 0,
  key,
  outcome,
  startedAt: START + 4 * 60_000,
  durationMs: 1,
  throttles: 0,
});

async function* inPieces<T>(items: readonly T[], size: number): AsyncGenerator<readonly T[]> {
  for (let at = 0; at < items.length; at += size) yield items.slice(at, at + size);
}
async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
export interface World {
  readonly manifest: readonly string[];
  readonly outcomes?: readonly OutcomeRecord[];
  readonly items?: readonly Item[];
}
export const sourcesOf = ({ manifest, outcomes = [], items = [] }: World): ReconcileSources => {
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
export async function reconciled(world: World, options: Partial<ReconcileOptions> = {}) {
  const found = await reconcile(sourcesOf(world), { keys: PIPELINE_KEYS, startedAt: START, folder, ...options });
  const images = await imagesOf(found);
  expect(await imagesOf(found)).toEqual(images);
  await found.dispose();
  return { totals: found.totals, images, kinds: Object.fromEntries(images.map(({ key, kind }) => [key, kind])) };
}
