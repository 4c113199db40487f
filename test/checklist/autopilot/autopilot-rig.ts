import { afterEach, beforeEach } from 'vitest';
import type { Approval, ApprovalState } from '../../../src/approvals/approval.ts';
import { type Autopilot, type AutopilotPorts, createAutopilot } from '../../../src/checklist/autopilot/autopilot.ts';
import { type AutopilotStore, createAutopilotStore } from '../../../src/checklist/autopilot/autopilot-store.ts';
import type { AutopilotBlocker, AutopilotEvent } from '../../../src/checklist/contracts/autopilot-control.ts';
import type { TableEvent, TableJob } from '../../../src/checklist/contracts/table-control.ts';
import type { StepView } from '../../../src/checklist/model/checklist-view.ts';
import type { StepName } from '../../../src/checklist/model/step.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import type { Scope } from '../../../src/run/scope/scope.ts';
import { createLease } from '../../../src/state/lease.ts';
import { type ControlTable, openControlTable } from '../../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite } from '../../support/aws/dynalite.ts';
import { createScriptedRunControl, type ScriptedRunControl } from '../../support/memory/scripted-run-control.ts';
import { autopilotRecord, checklistView } from '../../support/messages/checklist-builders.ts';
import { backupRecord, flushApproval, tableNow } from '../../support/messages/table-builders.ts';
import { createFakeClock, type FakeClock } from '../../support/rigs/fake-clock.ts';

export const LEASE_MS = 2_000;
export const CHECKLIST = 'c-0001';

let dynamo: LocalDynamo;
export let table: ControlTable;
export let store: AutopilotStore;

/** Each test has its own control table in dynalite and its own world. The processes of the bot are shut down after it. */
export function freshForEachTest(): void {
  beforeEach(async () => {
    dynamo = await startDynalite();
    table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
    store = createAutopilotStore(table, 'fn');
    world = createWorld();
  });
  afterEach(async () => {
    for (const autopilot of open.splice(0)) await autopilot.shutDown();
    await dynamo.stop();
  });
}

/** What all processes of the bot share. */
function createWorld() {
  const steps: Partial<Record<StepName, Partial<StepView>>> = {};
  const listeners = new Set<(event: TableEvent) => void | Promise<void>>();
  return {
    steps,
    runs: createScriptedRunControl(),
    /** The actions, in order. */
    done: [] as string[],
    /** The events of all processes. */
    events: [] as AutopilotEvent[],
    approvals: new Map<string, Approval>(),
    listeners,
    stopFile: false,
    /** A stop that is stored outside the control table. */
    storedStop: undefined as string | undefined,
    checklistOpen: true,
    scope: undefined as Scope | undefined,
    completed: undefined as string | undefined,
    job: undefined as TableJob | undefined,
    /** The backup in progress, in any process. */
    backup: undefined as TableJob | undefined,
    refuseBackup: false,
    /** Steps that never end. */
    stuck: new Set<string>(),
  };
}
export let world: ReturnType<typeof createWorld>;
export const open: Autopilot[] = [];

async function emitTable(event: TableEvent): Promise<void> {
  await Promise.all([...world.listeners].map((listener) => listener(event)));
}
const backupJob = (id: string): TableJob => ({
  id,
  work: { kind: 'backup', note: 'Autopilot' },
  by: 'U1',
  location: { channel: 'C1' },
  startedAt: 0,
});
export const setApproval = (id: string, state: ApprovalState) => {
  const approval = world.approvals.get(id);
  if (approval) world.approvals.set(id, { ...approval, state });
};

export interface Copy {
  readonly autopilot: Autopilot;
  readonly clock: FakeClock;
  /** The table control of this process. */
  readonly tables: AutopilotPorts['tables'];
}

/** A process of the bot. While its clock does not advance, the others see a dead process. `change`: ports that differ. */
export function copy(name: string, change: Partial<AutopilotPorts> = {}): Copy {
  const clock = createFakeClock();
  const { runs } = world;
  const finishStep = (step: StepName, found: StepView['found']) => {
    world.steps[step] = { state: 'done', ...(found ? { found } : {}) };
  };
  const tables: AutopilotPorts['tables'] = {
    async backup() {
      world.done.push(`${name}: backup`);
      if (world.refuseBackup) return { ok: false, refusal: { reason: 'location', bucket: 'b', why: 'not-writable' } };
      const job = backupJob(`b-${world.done.length}`);
      if (world.stuck.has('backup')) {
        world.backup = job;
        return { ok: true, value: job };
      }
      finishStep('backup', { kind: 'backup', backupId: job.id, records: 760 });
      const result = { kind: 'backup', record: backupRecord(), versioning: 'on' } as const;
      setImmediate(() => void emitTable({ kind: 'finished', job, result, elapsedMs: 1 }));
      return { ok: true, value: job };
    },
    planFlush: async () => ({
      ok: true,
      value: {
        action: { kind: 'flush', backupId: 'b-1', failedOnly: false },
        now: tableNow(),
        backup: backupRecord(),
        difference: { added: 0, changed: 0, removed: 0 },
      },
    }),
    async request({ by, alsoBy, approvalId }) {
      world.done.push(`${name}: ask`);
      const { ts: _, ...unseen } = flushApproval({
        id: approvalId ?? 'none was noted',
        requestedBy: by,
        ...(alsoBy ? { alsoRequestedBy: alsoBy } : {}),
      });
      world.approvals.set(unseen.id, unseen);
      world.steps.flush = { state: 'running' };
      return { ok: true, value: unseen };
    },
    async addRequester(id, by) {
      const approval = world.approvals.get(id);
      if (approval?.state.kind !== 'pending') return;
      world.approvals.set(id, { ...approval, alsoRequestedBy: [...(approval.alsoRequestedBy ?? []), by] });
    },
    approval: async (id) => world.approvals.get(id),
    async withdraw(id, by) {
      if (world.approvals.get(id)?.state.kind !== 'pending') return false;
      world.done.push(`${name}: withdraw ${id}`);
      setApproval(id, { kind: 'withdrawn', by, at: 0 });
      return true;
    },
    current: async () => world.job,
    currentBackup: async () => world.backup,
    async stop() {
      world.done.push(`${name}: stop job`);
      return world.job ? { ok: true, value: world.job } : { ok: false, refusal: { reason: 'no-job' } };
    },
    watch(listener) {
      world.listeners.add(listener);
      return () => world.listeners.delete(listener);
    },
  };
  const autopilot = createAutopilot({
    store,
    clock,
    lease: createLease({ table, name: 'fn#autopilot', holder: name, durationMs: LEASE_MS, clock }),
    checklist: {
      async view() {
        const run = await runs.current();
        // The real checklist reads the run as well.
        const rescan = run?.state.kind === 'running' ? { rescan: { state: 'running' as const } } : {};
        return checklistView(
          { ...rescan, ...world.steps },
          {
            id: world.checklistOpen ? CHECKLIST : 'c-0002',
            ...(run ? { run } : {}),
            ...(world.completed === undefined ? {} : { outcome: { kind: 'completed', runId: world.completed } }),
          },
        );
      },
      ensureOpen: async () => CHECKLIST,
      scope: async () => world.scope,
    },
    tables,
    starts: { plan: runs.plan, start: runs.start },
    runs: {
      ...runs,
      forecast: async (_, images = 1_398) => ({ ok: true, value: { ...autopilotRecord().forecast, images } }),
    },
    async doStep(step) {
      world.done.push(`${name}: ${step}`);
      if (world.stuck.has(step)) await new Promise(() => {});
      finishStep(step, undefined);
      return undefined;
    },
    async validate() {
      world.done.push(`${name}: validate`);
      finishStep('validate', undefined);
      return undefined;
    },
    newApprovalId: () => `a-${world.approvals.size + 1}`,
    pace: { kind: 'auto' },
    canary: { images: 20, percent: 20 },
    stopFile: '/tmp/STOP',
    stopFileExists: async () => world.stopFile,
    storedStop: async () => world.storedStop,
    readFault: (error) => ({ reason: 'configuration', message: String(error), fix: '' }),
    warn: () => {},
    pollMs: 250,
    ...change,
  });
  autopilot.watch((event) => {
    world.events.push(event);
    // Slack shows the request and stores its message.
    if (event.kind === 'approval-asked') {
      const { id } = event.approval;
      const approval = world.approvals.get(id);
      if (approval) world.approvals.set(id, { ...approval, ts: '1.0' });
    }
  });
  open.push(autopilot);
  return { autopilot, clock, tables };
}

/** Advances the clocks of these processes until the condition is met. */
export async function until(what: () => boolean | Promise<boolean>, ...copies: Copy[]): Promise<void> {
  for (let look = 0; look < 400; look++) {
    if (await what()) return;
    for (const { clock } of copies) await clock.advance(250);
  }
  throw new Error(`The condition was never met. Done: ${world.done.join(', ')}`);
}
export async function pass(ms: number, ...copies: Copy[]): Promise<void> {
  for (let at = 0; at < ms; at += 250) for (const { clock } of copies) await clock.advance(250);
}
export async function started(name: string, change: Partial<AutopilotPorts> = {}): Promise<Copy> {
  const one = copy(name, change);
  const planned = await one.autopilot.plan('U1', { channel: 'C1' });
  if (!planned.ok) throw new Error('The request was refused.', { cause: planned });
  const begun = await one.autopilot.start(planned.value.id, 'U1');
  if (!begun.ok) throw new Error('The request was refused.', { cause: begun });
  one.autopilot.standBy();
  return one;
}
export const eventsOf = (kind: AutopilotEvent['kind']) => world.events.filter((event) => event.kind === kind);
export const blockers = (): AutopilotBlocker[] =>
  world.events.flatMap((event) => (event.kind === 'needs-person' ? [event.blocker] : []));
export const stateNow = async () => (await store.read())?.state;
/** A person approves, and the flush is done. */
export function finishFlush(id: string): void {
  setApproval(id, { kind: 'used', by: 'U2', at: 0, usedAt: 0 });
  world.steps.flush = { state: 'done' };
}
export async function completeRun(): Promise<void> {
  const run = await world.runs.current();
  world.completed = run?.runId;
  world.steps.rescan = { state: 'done' };
  await world.runs.becomes({ kind: 'completed' });
}
export function runStarts(runs: ScriptedRunControl): string[] {
  return runs.calls.filter((call) => call.startsWith('start'));
}
export const withoutNames = () => world.done.map((line) => line.replace(/^\w+: /, ''));
/** Waits for the run, and sets its step as the checklist would. */
export async function runIsUnderWay(...copies: Copy[]): Promise<void> {
  await until(async () => (await world.runs.current())?.state.kind === 'running', ...copies);
  world.steps.rescan = { state: 'running' };
}
export const PROVEN = {
  backup: { state: 'done' },
  quotas: { state: 'done' },
  'test-logging': { state: 'done' },
} as const;
