import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGzip } from 'node:zlib';
import { defined } from '../../lib/defined.ts';
import { countsOf, emptyTally, kindOfRecord } from '../../pipeline/table/records.ts';
import { type ScanPage, scanTable } from '../../pipeline/table/scan.ts';
import { describeTable, shapeOf, type TableFacts } from '../../pipeline/table/table.ts';
import { createTurns, uploadInParts } from '../../pipeline/upload-parts.ts';
import { writeRecord } from '../catalogue/catalogue.ts';
import { type BackupLocation, deleteUnder, md5Base64, proveWritable, writeObject } from '../catalogue/location.ts';
import { TableNotActiveError } from '../errors.ts';
import {
  type BackupRecord,
  type DataFile,
  folderOf,
  manifestFiles,
  manifestSummary,
  newBackupId,
} from '../format/backup-record.ts';
import { createDigestSum, hashOfItem } from '../format/digest.ts';
import { kindRulesOf } from '../format/kind-rules.ts';
import { type BackupPorts, backoffOf, RECORDS_PER_PAGE } from '../ports.ts';
import { type ReadBackOptions, verifyBackup } from '../verify/verify.ts';

export interface BackupRequest {
  readonly table: string;
  readonly by: string;
  readonly note?: string;
  /** The job that makes the backup, stored in its record. */
  readonly jobId?: string;
  readonly purpose?: BackupRecord['purpose'];
  /** Parts of the table that are read in parallel; chosen by its size when absent. */
  readonly segments?: number;
  readonly signal?: AbortSignal;
  /** Called after every page. */
  readonly onProgress?: (progress: BackupProgress) => void;
  /** Called before the backup is read back, with its record; what it returns is called for every item that is read. */
  readonly visitReadBack?: (record: BackupRecord) => Promise<NonNullable<ReadBackOptions['visit']>>;
}

/** `approximateItems` is from DescribeTable, up to six hours old. Times are ms. */
export interface BackupProgress {
  readonly backupId: string;
  readonly stage: 'reading' | 'verifying';
  readonly items: number;
  readonly plainBytes: number;
  readonly approximateItems: number;
  readonly elapsedMs: number;
}

export interface BackupResult {
  readonly record: BackupRecord;
  /** `off`: a backup that somebody overwrites or deletes in S3 cannot be brought back. */
  readonly versioning: 'on' | 'off' | 'unknown';
}

/** One segment for each 64 MB, 8 to 12: with fewer, a backup waits for pages. */
const segmentsFor = (facts: TableFacts) => Math.min(12, Math.max(8, Math.ceil(facts.approximateBytes / 2 ** 26)));

/**
 * Copies the table to S3 and reads the copy back. The returned record is in the catalogue, `verified`, or `unverified` with the
 * reason. When this throws, there is no backup: its uploads are aborted and its objects deleted.
 * @throws TableNotFoundError, TableNotActiveError, BackupLocationError, the SDK's error, `signal.reason`.
 */
export async function makeBackup(ports: BackupPorts, request: BackupRequest): Promise<BackupResult> {
  const facts = await describeTable(ports.dynamodb, request.table);
  if (facts.status !== 'ACTIVE' && facts.status !== 'UPDATING') throw new TableNotActiveError(facts.name, facts.status);
  const segments = request.segments ?? segmentsFor(facts);
  return storeBackup(ports, request, facts, (signal) =>
    scanTable(ports.dynamodb, facts.name, { segments, signal, pageLimit: RECORDS_PER_PAGE, backoff: backoffOf(ports) }),
  );
}

/**
 * Makes a backup of the items of `source`, one data file for each of its iterables. Guarantees and throws what `makeBackup` does.
 */
export async function storeBackup(
  ports: Omit<BackupPorts, 'dynamodb'>,
  request: Omit<BackupRequest, 'segments'>,
  facts: TableFacts,
  source: (signal: AbortSignal) => readonly AsyncIterable<ScanPage>[],
): Promise<BackupResult> {
  const { location, clock } = ports;
  const backupId = newBackupId(clock.now(), ports.random);
  const folder = folderOf(location.prefix, backupId);
  const versioning = await proveWritable(location, folder);
  let written: BackupRecord;
  try {
    written = await writeBackup(ports, request, facts, backupId, source);
  } catch (error) {
    // Without a record it is not a backup. An object that cannot be deleted must not hide the error.
    await deleteUnder(location, folder).catch(() => {});
    throw error;
  }
  const visit = await request.visitReadBack?.(written);
  const record = await verifyBackup(location, written, clock.now, {
    profile: ports.profile,
    ...(request.signal && { signal: request.signal }),
    ...(visit && { visit }),
    onProgress: (items) =>
      request.onProgress?.({
        backupId,
        stage: 'verifying',
        items,
        plainBytes: written.files.reduce((sum, file) => sum + file.plainBytes, 0),
        approximateItems: written.digest.items,
        elapsedMs: clock.now() - written.startedAt,
      }),
  });
  return { record, versioning };
}

async function writeBackup(
  ports: Omit<BackupPorts, 'dynamodb'>,
  request: Omit<BackupRequest, 'segments'>,
  facts: TableFacts,
  backupId: string,
  source: (signal: AbortSignal) => readonly AsyncIterable<ScanPage>[],
): Promise<BackupRecord> {
  const { location, clock } = ports;
  const startedAt = clock.now();
  const keys = shapeOf(facts, ports.profile);
  const sum = createDigestSum();
  const tally = emptyTally();
  let plainBytes = 0;
  const take = (page: ScanPage): Buffer => {
    let text = '';
    for (const item of page.items) {
      sum.addHash(hashOfItem(item));
      tally[kindOfRecord(item, keys)] += 1;
      text += `{"Item":${JSON.stringify(item)}}\n`;
    }
    const bytes = Buffer.from(text);
    plainBytes += bytes.length;
    request.onProgress?.({
      backupId,
      stage: 'reading',
      items: sum.items(),
      plainBytes,
      approximateItems: facts.approximateItems,
      elapsedMs: clock.now() - startedAt,
    });
    return bytes;
  };
  const files = await uploadAll(location, backupId, source, take, request.signal);
  const record: BackupRecord = {
    format: 'rescan-backup/1',
    id: backupId,
    purpose: request.purpose ?? 'backup',
    table: {
      arn: facts.arn,
      account: facts.account,
      region: facts.region,
      name: facts.name,
      keys: [...facts.keys],
      indexes: facts.indexes.map((index) => ({ name: index.name, keys: [...index.keys] })),
      billing: facts.billing,
    },
    startedAt,
    endedAt: clock.now(),
    by: request.by,
    ...(request.note !== undefined && { note: request.note }),
    ...(request.jobId !== undefined && { jobId: request.jobId }),
    digest: sum.digest(),
    counts: countsOf(tally),
    ...defined({ kindRules: kindRulesOf(ports.profile) }),
    files: [...files],
    verification: { kind: 'unverified', reason: 'it was not read back yet' },
  };
  const folder = folderOf(location.prefix, backupId);
  const manifests = { 'manifest-files': manifestFiles(record), 'manifest-summary': manifestSummary(record, location) };
  for (const [name, text] of Object.entries(manifests)) {
    await writeObject(location, `${folder}${name}.json`, text);
    await writeObject(location, `${folder}${name}.checksum`, md5Base64(text));
  }
  // The record is last: it puts the backup into the catalogue.
  request.signal?.throwIfAborted();
  await writeRecord(location, record);
  return record;
}

/** Parts of 5 MB that are in memory, of all segments. */
const PARTS_AT_ONCE = 2;

/** Uploads all segments at once; the first failure stops the others, and no upload stays open. */
async function uploadAll(
  location: BackupLocation,
  backupId: string,
  source: (signal: AbortSignal) => readonly AsyncIterable<ScanPage>[],
  take: (page: ScanPage) => Buffer,
  stop: AbortSignal | undefined,
): Promise<readonly DataFile[]> {
  const failed = new AbortController();
  const signal = stop ? AbortSignal.any([stop, failed.signal]) : failed.signal;
  const turns = createTurns(PARTS_AT_ONCE);
  const uploads = await Promise.allSettled(
    source(signal).map((pages, index) => {
      const key = `${folderOf(location.prefix, backupId)}data/${String(index).padStart(4, '0')}.json.gz`;
      return uploadSegment(location, key, pages, take, { turns, signal }).catch((error: unknown) => {
        failed.abort(error);
        throw error;
      });
    }),
  );
  stop?.throwIfAborted();
  if (failed.signal.aborted) throw failed.signal.reason;
  return uploads.flatMap((upload) => (upload.status === 'fulfilled' ? [upload.value] : []));
}

async function uploadSegment(
  location: BackupLocation,
  key: string,
  pages: AsyncIterable<ScanPage>,
  take: (page: ScanPage) => Buffer,
  { turns, signal }: { readonly turns: ReturnType<typeof createTurns>; readonly signal: AbortSignal },
): Promise<DataFile> {
  let items = 0;
  let plainBytes = 0;
  let bytes = 0;
  const md5 = createHash('md5');
  const lines = async function* () {
    for await (const page of pages) {
      if (page.items.length === 0) continue;
      const text = take(page);
      items += page.items.length;
      plainBytes += text.length;
      yield text;
    }
  };
  const measured = async function* (chunks: AsyncIterable<Buffer>) {
    for await (const chunk of chunks) {
      md5.update(chunk);
      bytes += chunk.length;
      yield chunk;
    }
  };
  const gzip = createGzip({ level: 3 });
  const flowing = pipeline(Readable.from(lines(), { highWaterMark: 1 }), gzip, { signal });
  const storing = uploadInParts(location, key, measured(gzip), {
    turns,
    signal,
    contentType: 'application/gzip',
  }).catch((error: unknown) => {
    // Otherwise the segment waits for ever for somebody who takes its bytes.
    gzip.destroy(error instanceof Error ? error : undefined);
    throw error;
  });
  const [stored, flowed] = await Promise.allSettled([storing, flowing]);
  if (flowed.status === 'rejected' && stored.status === 'fulfilled') throw flowed.reason;
  if (stored.status === 'rejected') throw stored.reason;
  const etag = stored.value.replaceAll('"', '');
  return { key, items, md5: md5.digest('base64'), etag, bytes, plainBytes };
}
