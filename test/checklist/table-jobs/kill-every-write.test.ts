import { ApplicationAutoScalingClient } from '@aws-sdk/client-application-auto-scaling';
import { DeleteItemCommand } from '@aws-sdk/client-dynamodb';
import { afterAll, beforeAll, expect, test } from 'vitest';
import type { Approval } from '../../../src/approvals/approval.ts';
import { createApprovalStore } from '../../../src/approvals/approval-store.ts';
import { listBackups } from '../../../src/backup/catalogue/catalogue.ts';
import { versionId } from '../../../src/backup/format/digest.ts';
import { entryId, keyReader } from '../../../src/backup/format/item-key.ts';
import { controlTableJobs } from '../../../src/backup/jobs/job-store.ts';
import { makeBackup } from '../../../src/backup/write/make-backup.ts';
import type { TableAction } from '../../../src/checklist/contracts/table-action.ts';
import { createBackupJobRecord, createJobRecord } from '../../../src/checklist/table-jobs/job-record.ts';
import { createTableSteps } from '../../../src/checklist/table-jobs/table-steps.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { createJobLocations } from '../../../src/slack/delivery/message-locations.ts';
import type { Message } from '../../../src/slack/messages/kit/message.ts';
import { postApproval } from '../../../src/slack/requests/show-approval.ts';
import { createTableThread, renderJob } from '../../../src/slack/threads/table-thread.ts';
import { createPipelineLeases } from '../../../src/state/pipeline-leases.ts';
import { type BackupWorld, startBackupWorld } from '../../backup/backup-rig.ts';
import { putItems } from '../../support/aws/items.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { FAULTS_TIMEOUT_MS, pointsOf } from '../../support/fault-forms.ts';
import { type ControlWrite, createMemoryControlTable } from '../../support/memory/memory-control-table.ts';
import { createFakeClock, settle } from '../../support/rigs/fake-clock.ts';
import { fakeLambda } from './job-rig.ts';

let world: BackupWorld;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

const never = () => new Promise<never>(() => {});
const pause = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
const whoApproves = { policy: 'second-person', approvers: ['U2'] } as const;
const NOTHING = { images: 0, records: 0, examples: [], people: { total: 0, top: [] } };
let pipelines = 0;

type Kind = 'flush' | 'restore' | 'restore of rows' | 'prune';

/** A pipeline with a table of eight records and its backups, whose control table, bucket and Slack outlive its processes. */
async function createPipeline(kind: Kind) {
  pipelines += 1;
  const table = await world.table(Array.from({ length: 8 }, (_, index) => timesheetEntry(index)));
  const location = { ...world.location, prefix: `kill-${pipelines}/` };
  const clock = createFakeClock(Date.now());
  const control = createMemoryControlTable();
  const backup = async () => {
    await clock.advance(1_000);
    return (await makeBackup({ ...world.ports, location, clock }, { table, by: 'U1' })).record;
  };
  const record = await backup();
  if (kind === 'prune') await backup();
  const edited = { ...timesheetEntry(1), Hours: { N: '1' } };
  const { sum: wanted } = await world.digest(table);
  if (kind === 'restore' || kind === 'restore of rows') {
    const { ResourceName, DateProjectCode } = timesheetEntry(0);
    const Key = { ResourceName: ResourceName ?? { S: '' }, DateProjectCode: DateProjectCode ?? { S: '' } };
    await world.dynamodb.send(new DeleteItemCommand({ TableName: table, Key: JSON.parse(JSON.stringify(Key)) }));
  }
  if (kind === 'restore of rows') await putItems(world.dynamodb, table, [edited]);
  const { sum: unchanged } = await world.digest(table);
  /** The text of each message in Slack, and what was posted to the channel or a thread as an alert. */
  const messages = new Map<string, string>();
  const alerts: string[] = [];

  function start(name: string, die?: { at: number; when: 'before' | 'after' }) {
    let writes = 0;
    let isCounting = false;
    let isDead = false;
    let diedAt = '';
    const alive = async () => {
      if (isDead) await never();
    };
    const count = async (when: 'before' | 'after', what: string) => {
      if (isCounting && when === die?.when) {
        writes += 1;
        if (writes === die.at) {
          isDead = true;
          diedAt = what;
        }
      }
      await alive();
    };
    const nameOf = ({ operation, key, set }: ControlWrite) => `${operation} ${key.sk} ${Object.keys(set).join(',')}`;
    const mine = control.as({
      before: (write) => count('before', nameOf(write)),
      after: (write) => count('after', nameOf(write)),
      beforeRead: alive,
    });
    const s3 = world.alteringS3(() => undefined);
    s3.middlewareStack.add(
      (next, { commandName = '' }) =>
        async (args) => {
          const isWrite = /^(Put|Delete|Create|Upload|Complete|Abort)/.test(commandName);
          await (isWrite ? count('before', commandName) : alive());
          const answer = await next(args);
          await (isWrite ? count('after', commandName) : alive());
          return answer;
        },
      { step: 'initialize', name: 'dying' },
    );
    const leases = createPipelineLeases({ table: mine, pipeline: 'fn', holder: name, durationMs: 15_000, clock });
    const steps = createTableSteps({
      ...world.ports,
      clock,
      table,
      location: { ...location, s3 },
      lambda: fakeLambda(() => ({})),
      autoScaling: new ApplicationAutoScalingClient({ region: 'us-east-1' }),
      functionName: 'fn',
      jobs: controlTableJobs(mine),
      record: createJobRecord(mine, 'fn'),
      backupRecord: createBackupJobRecord(mine, 'fn'),
      lease: leases.tableJobs,
      backupLease: leases.backups,
      approvals: createApprovalStore(mine, 'fn'),
      policy: 'second-person',
      approvalMs: 15 * 60_000,
      maxBackupAgeMs: 24 * 60 * 60_000,
      maxDifference: 100,
      scopes: { filter: () => Promise.reject(new Error('no scope')) },
      codeSha256: async () => 'code',
      preconditions: async () => ({ kind: 'pass', overridden: [] }),
      readNotRebuildable: async () => ({ missing: NOTHING, archived: NOTHING, nameless: 0 }),
      activeRun: async () => undefined,
      lastWholeRunEndedAt: async () => undefined,
      ignoredFields: [],
      audit: { record: async () => {}, enqueue() {} },
      checklist: {
        ensureOpen: async () => 'c-1',
        openId: async () => 'c-1',
        scope: async () => undefined,
        backupsOfOpen: async () => [],
        recordFlushRequest: async () => {},
        recordTableChange: async () => {},
        recordResult: async () => {},
      },
      stopFile: '/stop',
      stopFileExists: async () => false,
      storedStop: async () => undefined,
      storeStop: async () => undefined,
      readFault: (error) => ({ reason: 'configuration', message: String(error), fix: 'look' }),
      warn: () => {},
      pollMs: 500,
    });
    const chat = {
      async post(_channel: string, { text }: Message) {
        await alive();
        const ts = `${messages.size + 1}.0`;
        messages.set(ts, text);
        return ts;
      },
      async edit({ ts }: { ts: string }, { text }: Message) {
        await alive();
        messages.set(ts, text);
      },
    };
    const locations = createJobLocations();
    const thread = createTableThread({
      liveMessages: {
        show(state) {
          const at = locations.find(state.job.id);
          if (at && !isDead) messages.set(at.ts, renderJob(state).text);
        },
      },
      alerts: {
        // Stored for delivery: whichever process delivers it.
        async put(_id, alert) {
          await alive();
          if (alert.to === 'edit') messages.set(alert.at.ts, alert.message.text);
          else alerts.push(alert.message.text);
        },
      },
      chat,
      tables: steps,
      locations,
      whoApproves,
      onError: () => {},
    });
    steps.watch(thread.handle);
    return {
      steps,
      /** Asks for the action of this kind and posts the request. */
      async request(): Promise<Approval & { ts: string }> {
        const action = await actionOf(steps.planPrune);
        const asked = await steps.request({ action, by: 'U1', channel: 'C1' });
        if (!asked.ok) throw new Error(JSON.stringify(asked.refusal));
        const posted = await postApproval(asked.value, { tables: steps, chat, whoApproves });
        if (!posted) throw new Error('not pending');
        return posted;
      },
      click: ({ id, ts }: { id: string; ts: string }) =>
        steps.click(id, { decision: 'approve', by: 'U2', channel: 'C1', ts, approverCheck: 'approver' }),
      countFromNow() {
        isCounting = true;
      },
      kill() {
        isDead = true;
      },
      isDead: () => isDead,
      diedAt: () => diedAt,
    };
  }

  async function actionOf(planPrune: ReturnType<typeof start>['steps']['planPrune']): Promise<TableAction> {
    if (kind === 'flush') return { kind, backupId: record.id, failedOnly: false };
    if (kind === 'restore') return { kind, backupId: record.id, mode: 'replace' };
    if (kind === 'restore of rows') {
      const idOf = (item: Item) => entryId(keyReader(record.table.keys)(item));
      const overwrites = [{ id: idOf(edited), seen: versionId(edited) }];
      return { kind: 'restore', backupId: record.id, mode: 'rows', entries: [idOf(timesheetEntry(0))], overwrites };
    }
    const plan = await planPrune(1);
    if (!plan.ok || !plan.value.action) throw new Error('nothing to delete');
    return plan.value.action;
  }

  /** Whether the work of this kind is done in full (`all`) or not at all (`none`). */
  async function reached(): Promise<'all' | 'none' | 'part'> {
    if (kind === 'prune') {
      const left = (await listBackups(location)).length;
      return left === 1 ? 'all' : left === 2 ? 'none' : 'part';
    }
    const { items, sum } = await world.digest(table);
    if (kind === 'restore of rows') return sum === wanted ? 'all' : sum === unchanged ? 'none' : 'part';
    const [before, after] = kind === 'flush' ? [8, 0] : [7, 8];
    return items === after ? 'all' : items === before ? 'none' : 'part';
  }

  return { start, clock, control, messages, alerts, reached };
}

async function until(
  isSo: () => boolean | Promise<boolean>,
  step: () => Promise<unknown> = () => pause(2),
): Promise<void> {
  for (let turn = 0; turn < 4_000 && !(await isSo()); turn += 1) await step();
}

/** One life: a process dies at its n-th write after the click, and the next one settles what it left. Whether it died. */
async function live(kind: Kind, at: number, when: 'before' | 'after'): Promise<boolean> {
  const { start, clock, control, messages, alerts, reached } = await createPipeline(kind);
  const record = createJobRecord(control.table, 'fn');
  const approvals = createApprovalStore(control.table, 'fn');
  const doomed = start('doomed', { at, when });
  const asked = await doomed.request();
  doomed.countFromNow();
  void doomed.click(asked);
  await until(() => doomed.isDead() || alerts.length > 0);
  await until(async () => doomed.isDead() || (await record.read()) === undefined);
  await settle(20);
  const died = doomed.isDead();
  doomed.kill();
  const next = start('next');
  next.steps.standBy();
  const isSettled = async () => {
    const state = (await approvals.read(asked.id))?.state.kind;
    const isShown = (await Array.fromAsync(approvals.unshown())).length === 0;
    return state !== 'approved' && state !== 'pending' && isShown && (await record.read()) === undefined;
  };
  const isOpen = (await approvals.read(asked.id))?.state.kind === 'pending';
  if (isOpen) await next.click(asked);
  await until(isSettled, async () => {
    await clock.advance(1_000);
    await pause(2);
  });
  const what = `${kind}, killed ${when} write ${at} (${doomed.diedAt()})`;
  expect(await isSettled(), what).toBe(true);
  await next.steps.shutDown();

  const approval = await approvals.read(asked.id);
  const isDone = approval?.state.kind === 'used';
  expect(await reached(), what).toBe(isDone ? 'all' : 'none');
  expect(
    alerts.some((text) => / done: |(was|were) deleted | back in the table/.test(text)),
    `${what}: ${alerts.join('\n')}`,
  ).toBe(isDone);
  if (!isDone) expect(alerts.join('\n'), what).toContain('but the bot restarted before it started');
  const stale = [...messages.values()].filter((text) => /Approval needed|is in progress|is waiting/.test(text));
  expect(stale, what).toEqual([]);
  const again = await next.click(asked);
  expect(again, what).toMatchObject({ ok: false, refusal: { reason: 'click', refusal: { reason: 'decided' } } });
  expect((await next.steps.current())?.id, what).toBeUndefined();
  return died;
}

// The state before a write is the one after the write before: each kind needs one of both.
test.each([
  ['flush', 'after', 12],
  ['restore', 'before', 15],
  ['restore of rows', 'after', 12],
  ['prune', 'after', 10],
] as const)(
  'A %s whose process is killed %s a write to the control table or to S3 is carried out or void, and Slack shows which',
  async (kind, when, least) => {
    let last = 0;
    for (const at of pointsOf(5, 2)) {
      last = at;
      if (!(await live(kind, at, when))) break;
    }
    expect(last).toBeGreaterThan(least);
  },
  FAULTS_TIMEOUT_MS,
);
