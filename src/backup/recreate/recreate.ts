import type { Backoff } from '../../lib/async/backoff.ts';
import { defined } from '../../lib/defined.ts';
import { countByKind } from '../../pipeline/table/count.ts';
import type { KindCounts } from '../../pipeline/table/records.ts';
import { describeTable, shapeOf } from '../../pipeline/table/table.ts';
import { type AutoScalingPorts, applyAutoScaling } from '../../pipeline/whole-table/apply-auto-scaling.ts';
import { describeInFull, type TableClients } from '../../pipeline/whole-table/describe-in-full.ts';
import {
  differencesOf,
  digestOfDescription,
  type FullDescription,
  type TableInFull,
} from '../../pipeline/whole-table/description.ts';
import {
  applySettings,
  createTable,
  deleteTable,
  findTable,
  type LifecyclePorts,
  setDeletionProtection,
  waitUntilActive,
  waitUntilGone,
} from '../../pipeline/whole-table/table-lifecycle.ts';
import { findBackup, requireUsable } from '../catalogue/catalogue.ts';
import { NotRecreatableError, TableInUseError, TableNotActiveError, TableUnfinishedError } from '../errors.ts';
import type { RecreateJob } from '../jobs/job.ts';
import { createNativeBackup, waitForNativeBackup } from '../native/native.ts';
import { backoffOf, type JobPorts } from '../ports.ts';
import { type CheckedDifference, checkAgainstBackup } from './check-against-backup.ts';
import { rehearsalName, rehearse, removeRehearsal } from './rehearse.ts';
import { descriptionUris, readDescription, storeDescription } from './stored-description.ts';

export interface RecreateRequest {
  /** The same id again continues after a stop or a crash. */
  readonly jobId: string;
  readonly table: string;
  readonly backupId: string;
  /** FLUSH_MAX_DIFFERENCE. */
  readonly maxDifference: number;
  /** The digest of the description that was approved. */
  readonly approvedDigest: string;
  /** Throws when this process may not write any more (lease lost, stopped). Asked before every call until the deletion. */
  readonly mayWrite: () => void;
  /** Throws only when the lease is lost: asked before every call after the deletion, which a stop does not leave half done. */
  readonly mayFinish: () => void;
  readonly pollMs: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: RecreateProgress) => void;
}

export interface RecreateProgress {
  readonly stage: 'comparing' | 'rehearsing' | 'safeguarding' | 'recreating' | 'counting';
  /** `comparing`: records of the table that were compared, of those in the backup; `recreating`: records deleted. */
  readonly done: number;
  readonly total: number;
  readonly supplemented: number;
}

export interface RecreateResult {
  /** Records that were in the table at the last check before it was deleted. */
  readonly deleted: number;
  readonly supplemented: number;
  readonly safeguard: NonNullable<RecreateJob['safeguard']>;
  readonly digest: string;
  readonly descriptionUri: string;
  readonly remaining: KindCounts;
}

/** About five minutes: without a table the pipeline does not work. */
const WITHOUT_TABLE = { attempts: 200, maxMs: 3_000 };
/** How often the versions that writers put are saved, before the table counts as one that is being written. */
const CHECK_ROUNDS = 3;

/** What a recreation needs. */
export type RecreatePorts = JobPorts & TableClients;
type Ports = RecreatePorts;

const lifecycle = (
  ports: Ports,
  { pollMs, mayWrite }: Pick<RecreateRequest, 'pollMs' | 'mayWrite'>,
): LifecyclePorts & AutoScalingPorts => ({
  dynamodb: ports.dynamodb,
  autoScaling: ports.autoScaling,
  clock: ports.clock,
  backoff: backoffOf(ports),
  pollMs,
  mayCall: mayWrite,
});

/**
 * Deletes the table and creates it anew, empty and with everything that DynamoDB reports about it (docs/decisions/0002-flush.md).
 * Until the deletion nothing of the table is changed but its deletion protection, which is turned on again where the
 * deletion does not come to pass; a job that is continued before the deletion begins from the start. After the deletion only
 * the creation is carried out, from the description in S3. The caller removes the job.
 * @throws before the deletion: the errors of the backup, NotRecreatableError, TableInUseError, what `mayWrite` throws, the SDK's
 * error; after it: TableUnfinishedError, what `mayFinish` throws.
 */
export async function recreateTable(ports: Ports, request: RecreateRequest): Promise<RecreateResult> {
  const previous = await ports.jobs.read(request.jobId);
  if (previous?.kind === 'recreate') {
    if (await isDeletedOrUnclear(ports, request, previous)) {
      const stored = readDescription(ports.location, previous.backupId, previous.id, previous.digest);
      const description = await stored.catch((error: unknown) => {
        throw unfinished(ports, previous, 'unknown', error);
      });
      return finish(ports, request, previous, description);
    }
    await undoPreparation(ports, previous, request);
  }
  const { job, description } = await prepare(ports, request);
  const deleted = await removeTable(ports, request, job, description);
  return finish(ports, request, deleted, description);
}

/** @throws TableUnfinishedError where it cannot be read whether the table is there. */
async function isDeletedOrUnclear(ports: Ports, request: RecreateRequest, job: RecreateJob): Promise<boolean> {
  try {
    return await isDeleted(ports, job, request.mayFinish);
  } catch (error) {
    request.mayFinish();
    throw unfinished(ports, job, 'unknown', error);
  }
}

/**
 * Whether the deletion that this job began has been accepted: from then on the job must be finished, not stopped.
 * @throws the SDK's error.
 */
export async function isDeleted(
  ports: Pick<Ports, 'dynamodb' | 'clock' | 'random'>,
  job: RecreateJob,
  mayCall: () => void = () => {},
): Promise<boolean> {
  if (job.stage === 'described' || job.stage === 'safeguarded' || job.stage === 'unprotecting') return false;
  const calls = { dynamodb: ports.dynamodb, clock: ports.clock, backoff: backoffOf(ports), pollMs: 1_000, mayCall };
  const table = await findTable(calls, job.table);
  return table === undefined || table.TableId !== job.tableId || table.TableStatus === 'DELETING';
}

/**
 * What a job that did not delete the table leaves: deletes the table of its rehearsal, and turns deletion protection on again.
 * @throws the SDK's error, what `mayFinish` throws.
 */
export async function undoPreparation(
  ports: Pick<Ports, 'dynamodb' | 'autoScaling' | 'clock' | 'random'>,
  job: RecreateJob,
  { mayFinish, pollMs }: Pick<RecreateRequest, 'mayFinish' | 'pollMs'>,
): Promise<void> {
  const { dynamodb, autoScaling, clock } = ports;
  const calls = { dynamodb, autoScaling, clock, backoff: backoffOf(ports), pollMs, mayCall: mayFinish };
  await removeRehearsal(calls, rehearsalName(job.table, job.id));
  if (!job.wasProtected || job.stage === 'described' || job.stage === 'safeguarded') return;
  if ((await findTable(calls, job.table))?.TableId !== job.tableId) return;
  const table = await waitUntilActive(calls, job.table);
  if (table?.TableId === job.tableId && table.DeletionProtectionEnabled !== true)
    await setDeletionProtection(calls, job.table, true);
}

/** Everything before the deletion: description and records in S3, the creation rehearsed, the last check, the safeguard. */
async function prepare(
  ports: Ports,
  request: RecreateRequest,
): Promise<{ job: RecreateJob; description: FullDescription }> {
  const { location, clock } = ports;
  const { table: name, jobId, mayWrite } = request;
  mayWrite();
  const table = await describeInFull(ports, name);
  if (table.status !== 'ACTIVE') throw new TableNotActiveError(name, table.status);
  if (table.obstacles.length > 0) throw new NotRecreatableError(name, table.obstacles);
  const digest = digestOfDescription(table.description);
  if (digest !== request.approvedDigest)
    throw new TableInUseError(name, ['Its description is not the one that was approved.']);
  const record = await findBackup(location, request.backupId);
  requireUsable(record, table.arn);

  let supplemented = 0;
  const check = async () => {
    const checked = await checkAgainstBackup(ports, {
      record,
      maxDifference: request.maxDifference,
      mayWrite,
      onProgress: (done) =>
        request.onProgress?.({ stage: 'comparing', done, total: Math.max(done, record.counts.total), supplemented }),
      ...defined({ signal: request.signal }),
    });
    supplemented += checked.saved;
    return checked;
  };
  await check();
  const show = (stage: RecreateProgress['stage']) => request.onProgress?.({ stage, done: 0, total: 0, supplemented });

  await storeDescription(location, record.id, jobId, table.description);
  let job: RecreateJob = {
    kind: 'recreate',
    id: jobId,
    backupId: record.id,
    startedAt: clock.now(),
    table: name,
    tableId: table.id,
    digest,
    records: 0,
    supplemented,
    wasProtected: table.description.create.DeletionProtectionEnabled === true,
    stage: 'described',
  };
  await note(ports, mayWrite, job);
  show('rehearsing');
  await rehearse(lifecycle(ports, request), request, table.description);
  const last = await lastCheck(name, check);
  show('safeguarding');
  const safeguard = await makeSafeguard(ports, request, table);
  job = { ...job, records: last.tableItems, supplemented, safeguard, stage: 'safeguarded' };
  await note(ports, mayWrite, job);
  return { job, description: table.description };
}

async function note(ports: Ports, mayWrite: () => void, job: RecreateJob): Promise<void> {
  mayWrite();
  await ports.jobs.write(job);
}

/** @throws TableInUseError where somebody writes to the table again and again. */
async function lastCheck(table: string, check: () => Promise<CheckedDifference>): Promise<CheckedDifference> {
  for (let round = 1; round <= CHECK_ROUNDS; round += 1) {
    const checked = await check();
    if (checked.saved === 0) return checked;
  }
  throw new TableInUseError(table, [
    `Records were added or changed in each of ${CHECK_ROUNDS} comparisons. They are saved next to the backup.`,
  ]);
}

/** Point-in-time recovery, of which DynamoDB keeps a system backup at the deletion; else a native backup made now. */
async function makeSafeguard(
  ports: Ports,
  request: RecreateRequest,
  table: TableInFull,
): Promise<NonNullable<RecreateJob['safeguard']>> {
  if (table.description.settings.pointInTimeRecovery !== undefined) return { kind: 'point-in-time-recovery' };
  request.mayWrite();
  const { arn } = await createNativeBackup(ports.dynamodb, request.table, `rescan-bot-${request.jobId}`);
  const { pollMs: everyMs, mayWrite: mayGoOn } = request;
  await waitForNativeBackup(ports.dynamodb, arn, { tableId: table.id, clock: ports.clock, everyMs, mayGoOn });
  return { kind: 'native-backup', arn };
}

/** Turns deletion protection off and deletes the table; the job as it is stored when DynamoDB has accepted the deletion. */
async function removeTable(
  ports: Ports,
  request: RecreateRequest,
  prepared: RecreateJob,
  description: FullDescription,
): Promise<RecreateJob> {
  const { mayWrite, table: name } = request;
  const calls = lifecycle(ports, request);
  let job = prepared;
  const enter = async (stage: RecreateJob['stage']) => {
    job = { ...job, stage };
    await note(ports, mayWrite, job);
  };
  try {
    mayWrite();
    const now = await describeInFull(ports, name);
    const changes = [
      ...(now.id === job.tableId ? [] : ['It was deleted and created by somebody else.']),
      ...differencesOf(description, now.description),
      ...now.obstacles,
    ];
    if (changes.length > 0) throw new TableInUseError(name, changes);
    if (job.wasProtected) {
      await enter('unprotecting');
      await setDeletionProtection(calls, name, false);
    }
    await enter('deleting');
    await deleteTable(calls, name, job.tableId);
    return job;
  } catch (error) {
    // Where the lease is lost, whoever gets it next decides by what the table is.
    request.mayFinish();
    // The reply may be lost: only the table tells whether it is being deleted.
    if (await isDeletedOrUnclear(ports, request, job)) return job;
    await undoPreparation(ports, job, request).catch((failure: unknown) => {
      request.mayFinish();
      throw new TableInUseError(name, [
        messageOf(error),
        `Its deletion protection was not turned on again: ${messageOf(failure)}`,
      ]);
    });
    throw error;
  }
}

const messageOf = (error: unknown): string =>
  error instanceof Error ? `${error.name}: ${error.message}` : String(error);

/** Everything after the deletion, from wherever it was left. */
async function finish(
  ports: Ports,
  request: RecreateRequest,
  started: RecreateJob,
  description: FullDescription,
): Promise<RecreateResult> {
  const { dynamodb, location } = ports;
  const { mayFinish, table: name } = request;
  const backoff: Backoff = { ...backoffOf(ports), ...WITHOUT_TABLE };
  const calls = { ...lifecycle(ports, request), backoff, mayCall: mayFinish };
  const { records: deleted, supplemented, digest } = started;
  const show = (stage: RecreateProgress['stage']) =>
    request.onProgress?.({ stage, done: deleted, total: deleted, supplemented });
  let isCreated = false;
  // The table itself tells what was reached: the creation does not wait for the control table.
  const enter = (stage: RecreateJob['stage']) => note(ports, mayFinish, { ...started, stage }).catch(() => mayFinish());
  try {
    show('recreating');
    await waitUntilGone(calls, name, started.tableId);
    await enter('creating');
    await createTable(calls, description.create);
    isCreated = true;
    await enter('setting');
    mayFinish();
    const created = await describeInFull(ports, name);
    await applySettings(calls, name, description.settings, created.description.settings);
    const { autoScaling = [] } = description.settings;
    await applyAutoScaling(calls, name, autoScaling, created.description.settings.autoScaling ?? []);
    await waitUntilActive(calls, name);
    await enter('comparing');
    const found = await describeInFull(ports, name);
    const differences = differencesOf(description, found.description);
    if (differences.length > 0)
      throw new TableUnfinishedError({
        table: name,
        state: 'incomplete',
        reasons: differences,
        ...descriptionUris(location, started.backupId, started.id),
      });
    show('counting');
    const remaining = await countByKind(dynamodb, name, {
      backoff,
      keys: shapeOf(await describeTable(dynamodb, name), ports.profile),
    });
    const { safeguard } = started;
    if (!safeguard) throw new Error(`Job ${started.id} deleted a table without a safeguard`);
    const { descriptionUri } = descriptionUris(location, started.backupId, started.id);
    return { deleted, supplemented, safeguard, digest, descriptionUri, remaining };
  } catch (error) {
    // Where the lease is lost, whoever gets it next finishes the job.
    mayFinish();
    if (error instanceof TableUnfinishedError) throw error;
    throw unfinished(ports, started, isCreated ? 'incomplete' : 'missing', error);
  }
}

function unfinished(
  { location }: Pick<Ports, 'location'>,
  job: RecreateJob,
  state: TableUnfinishedError['state'],
  cause: unknown,
): TableUnfinishedError {
  const uris = descriptionUris(location, job.backupId, job.id);
  return new TableUnfinishedError({ table: job.table, state, reasons: [messageOf(cause)], ...uris }, cause);
}
