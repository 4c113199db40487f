import { randomUUID } from 'node:crypto';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { type Approval, isWaiting } from '../../approvals/approval.ts';
import { findBackup, lastVerified, listBackups, requireUsable } from '../../backup/catalogue/catalogue.ts';
import { clearUnfinished } from '../../backup/catalogue/clear-unfinished.ts';
import { deleteBackup, planPrune } from '../../backup/catalogue/prune.ts';
import { compareWithBackup } from '../../backup/compare/compare.ts';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import { keyReader } from '../../backup/format/item-key.ts';
import { importLegacy, refuseLegacy } from '../../backup/legacy/legacy.ts';
import {
  createNativeBackup,
  describePointInTimeRecovery,
  followExport,
  startExport,
} from '../../backup/native/native.ts';
import { previewRestore } from '../../backup/restore/restore.ts';
import { verifyBackup } from '../../backup/verify/verify.ts';
import { makeBackup } from '../../backup/write/make-backup.ts';
import { readSupplements } from '../../backup/write/supplement.ts';
import { describeTable } from '../../pipeline/table/table.ts';
import type {
  FlushPlan,
  TableAction,
  TableAnswer,
  TableControl,
  TableEvent,
  TableJob,
  TableNow,
  TableRefusal,
} from '../contracts/table-control.ts';
import { tableActSchema } from '../contracts/table-control.ts';
import { type ApprovedActionsPorts, createApprovedActs } from './approved-actions.ts';
import { createJobRunner, type JobRunner, type JobRunnerPorts } from './job-runner.ts';
import { refusalOrFault } from './table-errors.ts';
import { readTableNow } from './table-facts.ts';

export interface TableStepsPorts
  extends Omit<JobRunnerPorts, 'emit' | 'mayGoOn'>,
    Omit<ApprovedActionsPorts, 'emit' | 'runner' | 'readTable' | 'inTheWay' | 'location' | 'clock'> {
  /** The run that is active on this pipeline, if one is. */
  readonly activeRun: () => Promise<string | undefined>;
}

export interface TableSteps extends TableControl {
  /** Looks for work that was left, and for approvals whose time is over, now and from then on. */
  standBy(): void;
  shutDown(): Promise<void>;
}

const LOOK_EVERY_MS = 2_000;
/** A backup that stands unfinished this long has no process any more. */
const UNFINISHED_AFTER_MS = 24 * 60 * 60_000;
const EXPORT_LOOK_MS = 15_000;

const refuse = (refusal: TableRefusal): { ok: false; refusal: TableRefusal } => ({ ok: false, refusal });

/** Backup, flush and restore as steps that people ask for, approve, watch and stop (see TableControl for the promises). */
export function createTableSteps(ports: TableStepsPorts): TableSteps {
  const { dynamodb, location, clock, approvals } = ports;
  const listeners = new Set<(event: TableEvent) => void | Promise<void>>();
  const over = new AbortController();
  let backingUp: TableJob | undefined;

  async function emit(event: TableEvent): Promise<void> {
    for (const listener of listeners)
      await Promise.resolve(listener(event)).catch((error) => ports.warn(`event ${event.kind} was not taken`, error));
  }
  const runner: JobRunner = createJobRunner({ ...ports, emit, mayGoOn: (job) => acts.mayGoOn(job) });
  const acts = createApprovedActs({
    ...ports,
    emit,
    runner,
    inTheWay,
    readTable: () => readTableNow(dynamodb, ports.table),
  });

  async function answer<T>(work: () => Promise<TableAnswer<T>>): Promise<TableAnswer<T>> {
    try {
      return await work();
    } catch (error) {
      ports.warn('refused', error);
      return refuse(refusalOrFault(error, ports.readFault));
    }
  }
  const value = <T>(it: T): TableAnswer<T> => ({ ok: true, value: it });

  /** What keeps a flush or a restore from being asked for at all, beyond the backup itself. */
  async function inTheWay(now: TableNow): Promise<TableRefusal | undefined> {
    if (now.status !== 'ACTIVE') return { reason: 'table-not-active', table: now.name, status: now.status };
    const runId = await ports.activeRun();
    if (runId !== undefined) return { reason: 'run-active', runId };
    const there = await ports.record.read();
    return there ? { reason: 'job-active', job: there.job } : undefined;
  }

  async function differenceFrom(backup: BackupRecord, failedOnly: boolean) {
    const overlay = await readSupplements(location, backup.id, keyReader(backup.table.keys), over.signal);
    const kinds = failedOnly ? { kinds: ['failed'] as const } : {};
    return compareWithBackup(ports, { record: backup, overlay, ...kinds });
  }

  async function inUse(): Promise<Set<string>> {
    const ids = new Set<string>();
    for await (const approval of approvals.open())
      if (approval.backupId !== undefined && isWaiting(approval, clock.now())) ids.add(approval.backupId);
    for (const job of await ports.jobs.list()) {
      if (job.kind !== 'hold') ids.add(job.backupId);
      // What a restore removes is saved beside it.
      if (job.kind === 'restore' && job.safetyBackupId !== undefined) ids.add(job.safetyBackupId);
    }
    const there = await ports.record.read();
    if (there && there.job.work.kind !== 'backup') ids.add(there.job.work.backupId);
    return ids;
  }

  async function makingBackup(job: TableJob, note: string | undefined): Promise<void> {
    const begun = clock.now();
    await emit({ kind: 'started', job });
    try {
      const { record, versioning } = await makeBackup(ports, {
        table: ports.table,
        by: job.by,
        ...(note === undefined ? {} : { note }),
        signal: over.signal,
        onProgress: ({ stage, items, plainBytes, approximateItems, elapsedMs }) =>
          void emit({
            kind: 'progress',
            job,
            progress: {
              stage,
              done: items,
              total: approximateItems,
              isApproximate: true,
              bytes: plainBytes,
              elapsedMs,
            },
          }),
      });
      const result = { kind: 'backup' as const, record, versioning };
      await emit({ kind: 'finished', job, result, elapsedMs: clock.now() - begun });
    } catch (error) {
      if (over.signal.aborted) return emit({ kind: 'stopped', job, by: 'the shutdown of the bot' });
      ports.warn(`backup ${job.id} failed`, error);
      await emit({ kind: 'failed', job, refusal: refusalOrFault(error, ports.readFault) });
    } finally {
      backingUp = undefined;
    }
  }

  async function standingBy(): Promise<void> {
    await clearUnfinished(location, { now: clock.now(), olderThanMs: UNFINISHED_AFTER_MS }).catch((error) =>
      ports.warn('unfinished backups were not cleared away', error),
    );
    while (!over.signal.aborted) {
      await runner.lookForWork().catch((error) => ports.warn('could not look for a job that was left', error));
      await acts.lookForExpired().catch((error) => ports.warn('could not look for expired approvals', error));
      await clock.sleep(LOOK_EVERY_MS, over.signal);
    }
  }

  return {
    backup: (request) =>
      answer(async () => {
        if (backingUp) return refuse({ reason: 'job-active', job: backingUp });
        const { note } = request;
        const job: TableJob = {
          id: `backup-${randomUUID().slice(0, 8)}`,
          work: { kind: 'backup', ...(note === undefined ? {} : { note }) },
          by: request.by,
          location: request.location,
          startedAt: Math.round(clock.now()),
        };
        backingUp = job;
        void makingBackup(job, note);
        return value(job);
      }),
    nativeBackup: () =>
      answer(async () => {
        const stamp = new Date(clock.now()).toISOString().replace(/[-:]|\..*/g, '');
        const made = await createNativeBackup(dynamodb, ports.table, `rescan-bot-${stamp}`);
        const recovery = await describePointInTimeRecovery(dynamodb, ports.table).catch(() => undefined);
        return value({ ...made, pointInTimeRecovery: recovery?.kind ?? 'unknown' });
      }),
    exportTable: () =>
      answer(async () => {
        const { arn: tableArn } = await describeTable(dynamodb, ports.table);
        const arn = await startExport(dynamodb, {
          tableArn,
          bucket: location.bucket,
          prefix: `${location.prefix}native/`,
        });
        const followed = answer(async () => {
          const { items, billedBytes } = await followExport(dynamodb, arn, {
            clock,
            everyMs: EXPORT_LOOK_MS,
            signal: over.signal,
          });
          return value({ items, bytes: billedBytes });
        });
        return value({ arn, followed });
      }),
    backups: () => answer(async () => value(await listBackups(location))),
    verify: (backupId) =>
      answer(async () => value(await verifyBackup(location, await findBackup(location, backupId), () => clock.now()))),
    planPrune: (keep) =>
      answer(async () => {
        const { arn: tableArn } = await describeTable(dynamodb, ports.table);
        return value(planPrune(await listBackups(location), { tableArn, keep, inUse: await inUse() }));
      }),
    prune: (backupIds, by) =>
      answer(async () => {
        const { arn: tableArn } = await describeTable(dynamodb, ports.table);
        const wanted = new Set(backupIds);
        let deleted = 0;
        for (const id of wanted) {
          // Asked anew before each: an approval may have come meanwhile, or a backup have become the last verified one.
          const records = await listBackups(location);
          const may = planPrune(records, { tableArn, keep: 0, inUse: await inUse() }).remove;
          if (!may.some((record) => record.id === id)) continue;
          await ports.audit.record({ who: by, what: `backup ${id}`, outcome: 'about to be deleted' });
          await deleteBackup(location, id);
          deleted++;
        }
        return value(deleted);
      }),
    importLegacy: ({ uri, typesFrom, by }) =>
      answer(async () => {
        const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
        const fileName = key.split('/').at(-1) ?? key;
        const body = await location.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
        const text = (await body.Body?.transformToString('utf8')) ?? '';
        try {
          if (typesFrom === undefined) refuseLegacy(fileName, text);
          return value((await importLegacy(ports, { fileName, text, table: ports.table, typesFrom, by })).record);
        } catch (error) {
          if (!(error instanceof SyntaxError) && !(error instanceof Error && error.name === 'ZodError')) throw error;
          return refuse({ reason: 'legacy-unreadable', fileName, why: 'it is no list of records in JSON' });
        }
      }),
    planFlush: ({ failedOnly, backupId, hold }) =>
      answer<FlushPlan>(async () => {
        const now = await readTableNow(dynamodb, ports.table);
        const way = await inTheWay(now);
        if (way) return refuse(way);
        const preconditions = await acts.preconditionsOf({ kind: 'flush', failedOnly });
        if ('refusal' in preconditions) return refuse(preconditions.refusal);
        const backup =
          backupId === undefined
            ? lastVerified(await listBackups(location), now.arn)
            : await findBackup(location, backupId);
        if (!backup) return refuse({ reason: 'no-backup' });
        requireUsable(backup, now.arn);
        const old = acts.tooOld(backup);
        if (old) return refuse(old);
        const { added, changed, removed } = await differenceFrom(backup, failedOnly);
        const difference = { added, changed, removed };
        if (added + changed + removed > ports.maxDifference)
          return refuse({ reason: 'differs', backupId: backup.id, difference, most: ports.maxDifference });
        const act = { kind: 'flush', backupId: backup.id, failedOnly, hold } as const;
        return value({ act, now, backup, difference, holdMs: await ports.functionTimeoutMs() });
      }),
    planRestore: ({ backupId, mode }) =>
      answer(async () => {
        const now = await readTableNow(dynamodb, ports.table);
        const way = await inTheWay(now);
        if (way) return refuse(way);
        const backup = await findBackup(location, backupId);
        requireUsable(backup, now.arn);
        const change = await previewRestore(ports, { table: ports.table, backupId, mode });
        return value({ act: { kind: 'restore', backupId, mode }, now, backup, change });
      }),
    request: (request) => answer(() => acts.request(request)),
    setMessage: (approvalId, ts) => approvals.setMessage(approvalId, ts),
    approval: (approvalId) => approvals.read(approvalId),
    openApprovals: acts.openApprovals,
    click: (approvalId, click) => answer(() => acts.click(approvalId, click)),
    withdraw: acts.withdraw,
    withdrawApproved: acts.withdrawApproved,
    async current() {
      return runner.current() ?? (await ports.record.read())?.job;
    },
    stop: (by) =>
      answer(async () => {
        const mine = runner.stop(by);
        if (mine) return value(mine);
        const there = await ports.record.read();
        if (!there) return refuse({ reason: 'no-job' });
        await ports.record.askStop(there.job.id, by);
        return value(there.job);
      }),
    setLocation: (jobId, where) => ports.record.setLocation(jobId, where),
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    standBy() {
      void standingBy();
    },
    async shutDown() {
      over.abort(new Error('The bot shuts down'));
      await runner.shutDown();
    },
  };
}

/** Reads an approval's act again; its options are what was approved. */
export const actOf = (approval: Approval): TableAction => tableActSchema.parse(JSON.parse(approval.options));
