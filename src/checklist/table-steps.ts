import { randomUUID } from 'node:crypto';
import { GetObjectCommand } from '@aws-sdk/client-s3';
import { type Approval, type ApprovalPolicy, decide, isWaiting, mayUse } from '../approvals/approval.ts';
import type { ApprovalStore } from '../approvals/approval-store.ts';
import { makeBackup } from '../backup/backup.ts';
import { findBackup, lastVerified, listBackups, requireUsable } from '../backup/catalogue.ts';
import { compareWithBackup } from '../backup/compare.ts';
import type { BackupRecord } from '../backup/format.ts';
import { keyReader } from '../backup/item-key.ts';
import { importLegacy, refuseLegacy } from '../backup/legacy.ts';
import { createNativeBackup, describePointInTimeRecovery, followExport, startExport } from '../backup/native.ts';
import { deleteBackup, planPrune } from '../backup/prune.ts';
import { previewRestore } from '../backup/restore.ts';
import { readSupplements } from '../backup/supplement.ts';
import { clearUnfinished } from '../backup/unfinished.ts';
import { verifyBackup } from '../backup/verify.ts';
import { describeTable } from '../pipeline/table.ts';
import type { Checklist } from './checklist.ts';
import type { Gate } from './gates.ts';
import { createJobRunner, type JobRunnerPorts } from './job-runner.ts';
import type {
  FlushPlan,
  TableAct,
  TableAnswer,
  TableControl,
  TableEvent,
  TableJob,
  TableNow,
  TableRefusal,
} from './table-control.ts';
import { tableActSchema } from './table-control.ts';
import { refusalOrFault } from './table-errors.ts';
import { fingerprintOf, readTableNow } from './table-facts.ts';

export interface TableStepsPorts extends Omit<JobRunnerPorts, 'emit'> {
  readonly approvals: ApprovalStore;
  /** The run that is active on this pipeline, if one is. */
  readonly activeRun: () => Promise<string | undefined>;
  /** The hash of the function's code: an approval is bound to it. */
  readonly codeSha256: () => Promise<string>;
  /** Whether this copy of the bot may decide: looked up anew for `self`. */
  readonly policy: ApprovalPolicy;
  readonly approvalMs: number;
  readonly maxBackupAgeMs: number;
  /** Whether the checklist lets it begin, with everything gathered anew. */
  readonly gate: (step: 'flush' | 'restore') => Promise<Gate>;
  /** The rescan that a flush belongs to. */
  readonly checklist: Pick<Checklist, 'ensureOpen' | 'openId' | 'noteFlushAsked'>;
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
  const { dynamodb, place, clock, approvals } = ports;
  const listeners = new Set<(event: TableEvent) => void | Promise<void>>();
  const over = new AbortController();
  let backingUp: TableJob | undefined;

  async function emit(event: TableEvent): Promise<void> {
    for (const listener of listeners)
      await Promise.resolve(listener(event)).catch((error) => ports.warn(`event ${event.kind} was not taken`, error));
  }
  const runner = createJobRunner({ ...ports, emit });

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

  /**
   * What the checklist misses. Where only the backup is wanting there is a refusal of its own for that, with the digest and
   * the differences; a flush of failed-image records needs no more than the backup.
   */
  async function gateOf(act: { kind: 'flush' | 'restore'; failedOnly?: boolean }): Promise<TableRefusal | undefined> {
    if (act.failedOnly) return;
    const gate = await ports.gate(act.kind);
    return gate.kind === 'pass' || gate.missing.every(({ mend }) => mend === 'backup')
      ? undefined
      : { reason: 'gate', step: act.kind, missing: gate.missing };
  }

  function tooOld(backup: BackupRecord): TableRefusal | undefined {
    const ageMs = clock.now() - backup.startedAt;
    return ageMs > ports.maxBackupAgeMs
      ? { reason: 'backup-too-old', backupId: backup.id, ageMs, mostMs: ports.maxBackupAgeMs }
      : undefined;
  }

  async function differenceFrom(backup: BackupRecord, failedOnly: boolean) {
    const overlay = await readSupplements(place, backup.id, keyReader(backup.table.keys), over.signal);
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

  /** Carries out what was approved, if the world is still what it was approved on. */
  async function execute(approval: Approval, approvedBy: string): Promise<{ job?: TableJob; refused?: TableRefusal }> {
    const act = tableActSchema.parse(JSON.parse(approval.options));
    const job: TableJob = {
      id: approval.id,
      work: act,
      by: approval.requestedBy,
      approvedBy,
      place: { channel: approval.channel, ...(approval.ts === undefined ? {} : { ts: approval.ts }) },
      startedAt: Math.round(clock.now()),
      ...(approval.reason === undefined ? {} : { reason: approval.reason }),
    };
    const refused = await runner.begin(job, async () => {
      const now = await readTableNow(dynamodb, ports.table);
      const way = (await inTheWay(now)) ?? (await gateOf(act));
      if (way) return way;
      const checklistId = await ports.checklist.openId();
      const backup = await findBackup(place, act.backupId);
      requireUsable(backup, now.arn);
      const old = act.kind === 'flush' ? tooOld(backup) : undefined;
      if (old) return old;
      const usable = mayUse(
        approval,
        act.kind,
        fingerprintOf(now, backup, act, await ports.codeSha256(), checklistId),
        clock.now(),
      );
      if (!usable.ok) return { reason: 'use', refusal: usable.refusal };
      const { state } = approval;
      const usedAt = Math.round(clock.now());
      const used = { kind: 'used', by: approvedBy, at: state.kind === 'approved' ? state.at : usedAt, usedAt } as const;
      const taken = await approvals.move(approval.id, 'approved', used);
      return taken.ok
        ? undefined
        : { reason: 'use', refusal: { reason: 'not-approved', state: taken.approval?.state ?? approval.state } };
    });
    if (!refused) return { job };
    const changed = refused.reason === 'use' && refused.refusal.reason === 'changed' ? refused.refusal.changed : [];
    const at = Math.round(clock.now());
    const moved = await approvals.move(approval.id, 'approved', { kind: 'void', at, changed: [...changed] });
    if (moved.ok && moved.approval) await emit({ kind: 'approval-changed', approval: moved.approval });
    return { refused };
  }

  async function lookForExpired(): Promise<void> {
    for await (const approval of approvals.open()) {
      if (isWaiting(approval, clock.now())) continue;
      const expired = { kind: 'expired', at: approval.expiresAt } as const;
      const moved = await approvals.move(approval.id, approval.state.kind, expired);
      if (moved.ok && moved.approval) await emit({ kind: 'approval-changed', approval: moved.approval });
    }
  }

  async function standingBy(): Promise<void> {
    await clearUnfinished(place, { now: clock.now(), olderThanMs: UNFINISHED_AFTER_MS }).catch((error) =>
      ports.warn('unfinished backups were not cleared away', error),
    );
    while (!over.signal.aborted) {
      await runner.lookForWork().catch((error) => ports.warn('could not look for a job that was left', error));
      await lookForExpired().catch((error) => ports.warn('could not look for expired approvals', error));
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
          place: request.place,
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
        const arn = await startExport(dynamodb, { tableArn, bucket: place.bucket, prefix: `${place.prefix}native/` });
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
    backups: () => answer(async () => value(await listBackups(place))),
    verify: (backupId) =>
      answer(async () => value(await verifyBackup(place, await findBackup(place, backupId), () => clock.now()))),
    planPrune: (keep) =>
      answer(async () => {
        const { arn: tableArn } = await describeTable(dynamodb, ports.table);
        return value(planPrune(await listBackups(place), { tableArn, keep, inUse: await inUse() }));
      }),
    prune: (backupIds) =>
      answer(async () => {
        const { arn: tableArn } = await describeTable(dynamodb, ports.table);
        const wanted = new Set(backupIds);
        let deleted = 0;
        for (const id of wanted) {
          // Asked anew before each: an approval may have come meanwhile, or a backup have become the last verified one.
          const records = await listBackups(place);
          const may = planPrune(records, { tableArn, keep: 0, inUse: await inUse() }).remove;
          if (!may.some((record) => record.id === id)) continue;
          await deleteBackup(place, id);
          deleted++;
        }
        return value(deleted);
      }),
    importLegacy: ({ uri, typesFrom, by }) =>
      answer(async () => {
        const [, bucket = '', key = ''] = /^s3:\/\/([^/]+)\/(.+)$/.exec(uri) ?? [];
        const fileName = key.split('/').at(-1) ?? key;
        const body = await place.s3.send(new GetObjectCommand({ Bucket: bucket, Key: key }));
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
        const way = (await inTheWay(now)) ?? (await gateOf({ kind: 'flush', failedOnly }));
        if (way) return refuse(way);
        const backup =
          backupId === undefined ? lastVerified(await listBackups(place), now.arn) : await findBackup(place, backupId);
        if (!backup) return refuse({ reason: 'no-backup' });
        requireUsable(backup, now.arn);
        const old = tooOld(backup);
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
        const backup = await findBackup(place, backupId);
        requireUsable(backup, now.arn);
        const change = await previewRestore(ports, { table: ports.table, backupId, mode });
        return value({ act: { kind: 'restore', backupId, mode }, now, backup, change });
      }),
    request: ({ act, by, reason, channel }) =>
      answer(async () => {
        const now = await readTableNow(dynamodb, ports.table);
        const way = (await inTheWay(now)) ?? (await gateOf(act));
        if (way) return refuse(way);
        const backup = await findBackup(place, act.backupId);
        requireUsable(backup, now.arn);
        const old = act.kind === 'flush' ? tooOld(backup) : undefined;
        if (old) return refuse(old);
        const checklistId = act.kind === 'flush' ? await ports.checklist.ensureOpen(by) : undefined;
        const requestedAt = Math.round(clock.now());
        const approval: Approval = {
          id: `a-${randomUUID().slice(0, 8)}`,
          act: act.kind,
          fingerprint: fingerprintOf(now, backup, act, await ports.codeSha256(), checklistId),
          options: JSON.stringify(act),
          requestedBy: by,
          requestedAt,
          expiresAt: requestedAt + ports.approvalMs,
          channel,
          backupId: act.backupId,
          state: { kind: 'pending' },
          ...(reason === undefined ? {} : { reason }),
        };
        await approvals.create(approval);
        if (act.kind === 'flush' && !act.failedOnly) await ports.checklist.noteFlushAsked(approval.id, by);
        return value(approval);
      }),
    setMessage: (approvalId, ts) => approvals.setMessage(approvalId, ts),
    approval: (approvalId) => approvals.read(approvalId),
    async openApprovals() {
      const open: Approval[] = [];
      for await (const approval of approvals.open()) if (isWaiting(approval, clock.now())) open.push(approval);
      return open;
    },
    click: (approvalId, click) =>
      answer(async () => {
        const approval = await approvals.read(approvalId);
        if (!approval) return refuse({ reason: 'approval-gone', approvalId });
        const decision = decide(approval, click, ports.policy, Math.round(clock.now()));
        if (!decision.ok) return refuse({ reason: 'click', refusal: decision.refusal, approval });
        const moved = await approvals.move(approvalId, 'pending', decision.state);
        const after = moved.approval ?? approval;
        if (!moved.ok)
          return refuse({ reason: 'click', refusal: { reason: 'decided', state: after.state }, approval: after });
        if (decision.state.kind !== 'approved') {
          await emit({ kind: 'approval-changed', approval: after });
          return value({ approval: after });
        }
        const outcome = await execute(after, click.by);
        return value({ approval: (await approvals.read(approvalId)) ?? after, ...outcome });
      }),
    async withdraw(approvalId, by) {
      const at = Math.round(clock.now());
      const moved = await approvals.move(approvalId, 'pending', { kind: 'withdrawn', by, at });
      if (moved.ok && moved.approval) await emit({ kind: 'approval-changed', approval: moved.approval });
      return moved.ok;
    },
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
    setPlace: (jobId, where) => ports.record.setPlace(jobId, where),
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
export const actOf = (approval: Approval): TableAct => tableActSchema.parse(JSON.parse(approval.options));
