import { HeadObjectCommand } from '@aws-sdk/client-s3';
import { workThrough } from '../../lib/async/workers.ts';
import { defined } from '../../lib/defined.ts';
import { describeTable, type TableFacts } from '../../pipeline/table/table.ts';
import { writeRecord } from '../catalogue/catalogue.ts';
import { type BackupLocation, readVersioning } from '../catalogue/location.ts';
import { BackupDamagedError, TableNotActiveError } from '../errors.ts';
import type { ExportedFile, ExportRecord } from '../format/export-record.ts';
import { keyReader } from '../format/item-key.ts';
import type { JobPorts } from '../ports.ts';
import { type ExportResult, followExport, startExport } from './native.ts';
import { type ExportManifests, readManifests } from './read-manifests.ts';
import { type Sample, sampleExport } from './sample-export.ts';

export interface ExportRequest {
  readonly table: string;
  readonly by: string;
  readonly note?: string;
  /** The same id again follows the export that was started under it. */
  readonly jobId: string;
  /** When the job was asked for, epoch ms. */
  readonly startedAt: number;
  /** How often the state of the export is read, ms. */
  readonly everyMs: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (stage: 'exporting' | 'sampling') => void;
}

export interface ExportedBackup {
  readonly record: ExportRecord;
  readonly versioning: 'on' | 'off' | 'unknown';
}

const HEADS_AT_ONCE = 16;

/**
 * Has DynamoDB export the table to S3, follows the export and checks it: the checksums of its manifests, its counts, the ETag and
 * size of every file, and a sample of its records against the table. The record is in the catalogue then, `sampled`, or `unverified`
 * where more than half of the sample differs or there is none. Its files are not read in full, so there is no digest.
 * A job whose process died continues when this is called again with its id: the export has the id as its client token, and its ARN
 * is stored. DynamoDB does not cancel an export: one that nobody follows any more completes and stays in S3.
 * @throws PointInTimeRecoveryOffError, TableNotFoundError, TableNotActiveError, ExportFailedError, BackupDamagedError,
 * BackupLocationError, the SDK's error, `signal.reason`. There is no backup then.
 */
export async function exportBackup(ports: JobPorts, request: ExportRequest): Promise<ExportedBackup> {
  const { dynamodb, location, clock } = ports;
  const { jobId, signal } = request;
  const facts = await describeTable(dynamodb, request.table);
  if (facts.status !== 'ACTIVE' && facts.status !== 'UPDATING') throw new TableNotActiveError(facts.name, facts.status);
  request.onProgress?.('exporting');
  const kept = await ports.jobs.read(jobId);
  const exportArn =
    kept?.kind === 'export'
      ? kept.exportArn
      : await startExport(dynamodb, {
          tableArn: facts.arn,
          bucket: location.bucket,
          prefix: location.prefix,
          // DynamoDB remembers it for 8 hours: until then a process that died before it had the ARN finds the same export.
          clientToken: `${jobId}-${request.startedAt}`,
        });
  if (kept === undefined) await ports.jobs.write({ kind: 'export', id: jobId, exportArn });
  const done = await followExport(
    dynamodb,
    exportArn,
    defined({
      clock,
      everyMs: request.everyMs,
      signal,
      onRead: () => request.onProgress?.('exporting'),
    }),
  );
  request.onProgress?.('sampling');
  const record = await checkExport(ports, request, facts, done);
  signal?.throwIfAborted();
  await writeRecord(location, record);
  return { record, versioning: await readVersioning(location) };
}

async function checkExport(
  ports: JobPorts,
  request: ExportRequest,
  facts: TableFacts,
  { exportArn, items }: ExportResult,
): Promise<ExportRecord> {
  const { signal } = request;
  const id = exportArn.split('/').at(-1) ?? exportArn;
  const manifests = await readManifests(ports.location, { id, exportArn, tableArn: facts.arn, items });
  const files = await checkStoredFiles(ports.location, id, manifests, signal);
  const keyOf = keyReader(facts.keys);
  const sample = await sampleExport(ports, defined({ id, table: facts.name, files, keyOf, signal }));
  const { arn, account, region, name, billing } = facts;
  return {
    format: 'rescan-export/1',
    id,
    purpose: 'backup',
    exportArn,
    table: {
      ...{ arn, account, region, name, billing },
      keys: [...facts.keys],
      indexes: facts.indexes.map((index) => ({ name: index.name, keys: [...index.keys] })),
    },
    startedAt: manifests.exportTime,
    endedAt: manifests.endTime,
    by: request.by,
    ...defined({ note: request.note }),
    jobId: request.jobId,
    counts: { total: manifests.items },
    files: [...files],
    verification: judge(sample, manifests.items, ports.clock.now()),
  };
}

function judge({ sampled, same, files }: Sample, items: number, at: number): ExportRecord['verification'] {
  // Records of hundreds of KB: the part of a file that is read holds no whole one.
  if (sampled === 0 && items > 0) return { kind: 'unverified', reason: 'no record could be sampled' };
  const differing = sampled - same;
  return differing > same
    ? { kind: 'unverified', reason: `${differing} of ${sampled} sampled records are not in the table as exported` }
    : { kind: 'sampled', at, sampled, files, same };
}

/**
 * Asks S3 for every data file without reading it. Files of empty partitions are left out.
 * @throws BackupDamagedError where one is missing or is not the object that DynamoDB stored.
 */
async function checkStoredFiles(
  location: BackupLocation,
  id: string,
  { files }: ExportManifests,
  signal: AbortSignal | undefined,
): Promise<readonly ExportedFile[]> {
  const found: ExportedFile[] = [];
  await workThrough(
    files.filter(({ itemCount }) => itemCount > 0),
    HEADS_AT_ONCE,
    async ({ dataFileS3Key: key, itemCount, md5Checksum: md5, etag }) => {
      const damaged = (reason: string, cause?: unknown) => new BackupDamagedError(id, key, reason, cause);
      const command = new HeadObjectCommand({ Bucket: location.bucket, Key: key });
      const stored = await location.s3.send(command, signal && { abortSignal: signal }).catch((error: unknown) => {
        if (error instanceof Error && error.name === 'NotFound') throw damaged('it does not exist', error);
        throw error;
      });
      if (unquoted(stored.ETag ?? '') !== unquoted(etag)) throw damaged('its ETag is not the one in the manifest');
      found.push({ key, items: itemCount, md5, etag: unquoted(etag), bytes: stored.ContentLength ?? 0 });
    },
    signal,
  );
  return found.toSorted((a, b) => (a.key < b.key ? -1 : 1));
}

const unquoted = (etag: string): string => etag.replaceAll('"', '');
