import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { DynamoDBClient } from '@aws-sdk/client-dynamodb';
import { LambdaClient } from '@aws-sdk/client-lambda';
import type { Approval } from '../../../src/approvals/approval.ts';
import { type ApprovalStore, createApprovalStore } from '../../../src/approvals/approval-store.ts';
import { controlTableJobs } from '../../../src/backup/jobs/job-store.ts';
import type { JobResult } from '../../../src/checklist/contracts/job-result.ts';
import type { TableAction } from '../../../src/checklist/contracts/table-action.ts';
import type { ApprovedJob, JobEnd, TableEvent, TableRefusal } from '../../../src/checklist/contracts/table-control.ts';
import { progressIdOf } from '../../../src/checklist/contracts/table-control.ts';
import type { ApprovalFacts } from '../../../src/checklist/table-jobs/approval-facts.ts';
import { type ApprovalRequests, createApprovalRequests } from '../../../src/checklist/table-jobs/approval-requests.ts';
import { isTableKept } from '../../../src/checklist/table-jobs/carry-out.ts';
import { createJobDriver, type JobDriver, type JobDriverPorts } from '../../../src/checklist/table-jobs/job-driver.ts';
import { createJobRecord, type JobRecord } from '../../../src/checklist/table-jobs/job-record.ts';
import { createWorkFinder } from '../../../src/checklist/table-jobs/look-for-work.ts';
import { startApproved } from '../../../src/checklist/table-jobs/start-approved.ts';
import type { Result } from '../../../src/lib/result.ts';
import { createLease, type Lease } from '../../../src/state/lease.ts';
import { type StoredStop, stopperSince } from '../../../src/state/stops/stored-stops.ts';
import type { ControlTable } from '../../../src/state/table/control-table.ts';
import { type ControlWrite, createMemoryControlTable } from '../../support/memory/memory-control-table.ts';
import { backupRecord } from '../../support/messages/table-builders.ts';
import { createFakeClock, type FakeClock, settle } from '../../support/rigs/fake-clock.ts';

export const LEASE_MS = 15_000;
export const APPROVAL_MS = 15 * 60_000;
/** The records of the production table. */
export const RECORDS = ['r-1', 'r-2', 'r-3', 'r-4', 'r-5'] as const;
export const ACTION: TableAction = { kind: 'flush', backupId: 'b-1', failedOnly: false };

const never = () => new Promise<never>(() => {});

export interface World {
  readonly clock: FakeClock;
  /** The control table, as a person sees it who looks into it. */
  readonly table: ControlTable;
  readonly approvals: ApprovalStore;
  /** Deletions of production records in their order, by which process. */
  readonly deleted: { readonly record: string; readonly by: string }[];
  /** What was stored for delivery to people, by which process. */
  readonly reported: { readonly event: TableEvent; readonly by: string }[];
  /** What an approval is given on; tests change it. */
  facts: { name: string; value: string }[];
  /** Why nothing may be asked for or start. */
  refusal: TableRefusal | undefined;
  /** What fails when the facts are gathered. */
  gatherError: Error | undefined;
  stopFile: boolean;
  /** Stops that are stored outside the control table. */
  readonly storedStops: StoredStop[];
  /** The ends of jobs that are stored beside their backups, outside the control table. */
  readonly ended: Map<string, JobEnd>;
  process(name: string, options?: ProcessOptions): BotProcess;
}

export interface ProcessOptions {
  /** Whether Slack shows an event; always where not given. */
  readonly isShown?: (event: TableEvent) => boolean;
  /** Called before each write of this process to the control table; the write waits for it. */
  readonly before?: (write: ControlWrite) => Promise<void> | void;
  /** Called after each write; what it throws is a lost reply. */
  readonly after?: (write: ControlWrite) => Promise<void> | void;
  /** Called when the facts of an approved action are gathered. */
  readonly beforeGathering?: () => Promise<void> | void;
  /** Called before each deletion of a record, before `mayWrite`. */
  readonly beforeDeletion?: (record: string) => Promise<void> | void;
  readonly ports?: Partial<Omit<JobDriverPorts, 'jobs' | 'clock' | 'record' | 'lease' | 'emit'>>;
  readonly lambda?: LambdaClient;
  /** Where a job that deletes the table itself finds that table. */
  readonly dynamodb?: DynamoDBClient;
  readonly leaseMs?: number;
}

export interface BotProcess {
  readonly driver: JobDriver;
  readonly lease: Lease;
  readonly record: JobRecord;
  readonly requests: ApprovalRequests;
  /** A request for approval with its message. */
  request(action?: TableAction): Promise<Approval>;
  /** A second person approves it, and it starts. */
  approve(id: string): Promise<Result<ApprovedJob, TableRefusal>>;
  /** One look for work that was left, as standBy makes it every two seconds. */
  look(): Promise<void>;
  /** From now on the process does nothing any more. */
  kill(): void;
  /** Resolves with the first event of a kind that this process reported. */
  heard<Kind extends TableEvent['kind']>(kind: Kind): Promise<Extract<TableEvent, { kind: Kind }>>;
}

/** A pipeline with its control table in memory and a fake clock, on which any number of bot processes work. */
export function createWorld(): World {
  const clock = createFakeClock();
  const control = createMemoryControlTable();
  const world: World = {
    clock,
    table: control.table,
    approvals: createApprovalStore(control.table, 'fn'),
    deleted: [],
    reported: [],
    facts: [
      { name: 'table', value: 'arn' },
      { name: 'records counted', value: '5' },
    ],
    refusal: undefined,
    gatherError: undefined,
    stopFile: false,
    storedStops: [],
    ended: new Map(),
    process: (name, options = {}) => createProcess(name, options),
  };
  const isDeleted = (record: string) => world.deleted.some((deletion) => deletion.record === record);

  function createProcess(name: string, options: ProcessOptions): BotProcess {
    let isDead = false;
    let stored = 0;
    const alive = async () => {
      if (isDead) await never();
    };
    const table = control.as({
      async before(write) {
        await alive();
        await options.before?.(write);
        await alive();
      },
      async after(write) {
        await options.after?.(write);
        await alive();
      },
      beforeRead: alive,
    });
    const record = createJobRecord(table, 'fn');
    const jobs = controlTableJobs(table);
    const approvals = createApprovalStore(table, 'fn');
    const lease = createLease({ table, name: 'fn', holder: name, durationMs: options.leaseMs ?? LEASE_MS, clock });
    const note = async (what: string) => {
      stored += 1;
      await table.create({ pk: 'notes', sk: `${name}-${stored}` }, { what });
    };
    const emit = async (event: TableEvent) => {
      if (event.kind === 'progress') {
        if (event.progress.waiting) world.reported.push({ event, by: name });
        return true;
      }
      if (options.isShown && !options.isShown(event)) return false;
      await note(event.kind);
      world.reported.push({ event, by: name });
      return true;
    };

    /** Deletes what is left, and stores after each record how far it is. */
    const carryOut: JobDriverPorts['carryOut'] = async (job, { mayWrite, signal }, onProgress): Promise<JobResult> => {
      const id = progressIdOf(job);
      const kept = await jobs.read(id);
      // Like a flush: of a job that is known, the records that are missing were deleted by it.
      let deleted = kept?.kind === 'flush' ? world.deleted.length : 0;
      const progress = {
        kind: 'flush',
        id,
        backupId: 'b-1',
        startedAt: 1,
        supplemented: 0,
        missing: 0,
        done: {},
      } as const;
      await jobs.write({ ...progress, deleted });
      for (const each of RECORDS) {
        if (isDeleted(each)) continue;
        signal.throwIfAborted();
        await options.beforeDeletion?.(each);
        await alive();
        mayWrite();
        world.deleted.push({ record: each, by: name });
        deleted += 1;
        onProgress({ stage: 'deleting', done: deleted, total: RECORDS.length });
        await jobs.write({ ...progress, deleted });
      }
      const remaining = { entry: 0, 'zero-hour': 0, rejected: 0, coverage: 0, failed: 0, total: 0 };
      return { kind: 'flush', deleted, supplemented: 0, remaining, newRows: 0 };
    };

    const dynamodb = options.dynamodb ?? new DynamoDBClient({ region: 'us-east-1' });
    const ports = {
      clock,
      approvals,
      record,
      jobs,
      lease,
      emit,
      carryOut,
      stopFile: '/stop',
      stopFileExists: async () => world.stopFile,
      storedStop: async (job: { id: string; startedAt: number }) =>
        stopperSince(world.storedStops, { since: job.startedAt, jobId: job.id }),
      async storeStop(jobId: string, by: string) {
        world.storedStops.push({ request: 'stop', by, jobId, at: clock.now() });
        return { kind: 'bucket', bucket: 'control', key: 'stops/stop.json' } as const;
      },
      readFault: (error: unknown) => ({ reason: 'network', message: String(error), fix: 'look' }) as const,
      recordTableChange: () => note('table change'),
      recordResult: () => note('result'),
      activeBackup: async () => undefined,
      isTableKept: (job: ApprovedJob) => isTableKept({ jobs, clock, dynamodb, random: () => 0 }, job),
      mayWaitUntil: ({ approvedUntil = 0 }: ApprovedJob) => approvedUntil,
      async markEnded(job: ApprovedJob, end: JobEnd) {
        await alive();
        world.ended.set(job.id, end);
      },
      async readEnded({ id }: ApprovedJob) {
        await alive();
        return world.ended.get(id);
      },
      warn: () => {},
      pollMs: 500,
      policy: 'second-person',
      approvalMs: APPROVAL_MS,
      audit: { record: () => note('audit'), enqueue: () => {} },
      checklist: {
        ensureOpen: async () => 'c-1',
        openId: async () => 'c-1',
        recordFlushRequest: () => note('request'),
      },
      dynamodb,
      autoScaling: new ApplicationAutoScalingClient({ region: 'us-east-1' }),
      random: () => 0,
      lambda: options.lambda ?? fakeLambda(() => ({})),
      functionName: 'fn',
      ...options.ports,
    } as const;
    const facts: Pick<ApprovalFacts, 'gather' | 'changedSince'> = {
      async gather() {
        if (driver.current()) await options.beforeGathering?.();
        await alive();
        if (world.gatherError) throw world.gatherError;
        if (world.refusal) return { ok: false, refusal: world.refusal };
        return { ok: true, value: { fingerprint: [...world.facts], backup: backupRecord(), checklistId: 'c-1' } };
      },
      changedSince: async () => undefined,
    };
    const driver = createJobDriver(ports);
    const requests = createApprovalRequests({ ...ports, facts });
    const finder = createWorkFinder({ ...ports, facts, requests, driver });
    return {
      driver,
      lease,
      record,
      requests,
      async request(action = ACTION) {
        const asked = await requests.request({ action, by: 'U1', channel: 'C1' });
        if (!asked.ok) throw new Error(JSON.stringify(asked.refusal));
        await approvals.setMessage(asked.value.id, '1.1');
        return { ...asked.value, ts: '1.1' };
      },
      async approve(id) {
        const click = { decision: 'approve', by: 'U2', channel: 'C1', ts: '1.1', approverCheck: 'approver' } as const;
        const decided = await requests.decide(id, click);
        return decided.ok ? startApproved({ ...ports, facts, requests, driver }, decided.value) : decided;
      },
      look: () => finder.lookForWork(),
      kill() {
        isDead = true;
      },
      async heard(kind) {
        const isOf = (event: TableEvent): event is Extract<TableEvent, { kind: typeof kind }> => event.kind === kind;
        for (let turn = 0; turn < 200; turn += 1) {
          const found = world.reported.flatMap(({ event, by }) => (by === name && isOf(event) ? [event] : []))[0];
          if (found) return found;
          await settle();
        }
        throw new Error(`${name} reported no ${kind}: ${JSON.stringify(world.reported)}`);
      },
    };
  }
  return world;
}

/** A Lambda client that answers every command without a network. What `answer` throws, the call throws. */
export function fakeLambda(answer: (command: string, input: object) => object): LambdaClient {
  const client = new LambdaClient({ region: 'us-east-1', credentials: { accessKeyId: 'x', secretAccessKey: 'x' } });
  client.middlewareStack.add(
    (_next, context) => async (args) => ({
      output: { $metadata: {}, ...answer(String(context.commandName), args.input) },
      response: {},
    }),
    { step: 'initialize', name: 'answer' },
  );
  return client;
}

/** Lets a process stand by for a while: it looks for work every two seconds of the fake clock. */
export async function standBy(world: World, process: BotProcess, ms: number): Promise<void> {
  for (let passed = 0; passed < ms; passed += 2_000) {
    const looked = process
      .look()
      .then(() => process.requests.showEnded())
      .catch(() => {});
    await world.clock.advance(2_000);
    await Promise.race([looked, settle()]);
  }
}
