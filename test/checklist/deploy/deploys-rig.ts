import { afterEach, beforeEach } from 'vitest';
import { createApprovalStore } from '../../../src/approvals/approval-store.ts';
import type { DeployEvent } from '../../../src/checklist/contracts/step-control.ts';
import type { TableJob } from '../../../src/checklist/contracts/table-control.ts';
import { createDeployStore, type DeployStore } from '../../../src/checklist/deploy/deploy-store.ts';
import { createDeploys, type Deploys } from '../../../src/checklist/deploy/deploys.ts';
import type { DeployHooks } from '../../../src/checklist/deploy/finish-deploy.ts';
import { createWrapperNotes } from '../../../src/checklist/deploy/wrapper-watch.ts';
import { type Checklist, createChecklist } from '../../../src/checklist/steps/checklist.ts';
import { type ChecklistStore, createChecklistStore } from '../../../src/checklist/steps/checklist-store.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { FaultError } from '../../../src/pipeline/fault.ts';
import type { DeployFacts } from '../../../src/pipeline/package/deploy-facts.ts';
import type { DeployPlan, RollbackView, WrapperState } from '../../../src/pipeline/package/function-package.ts';
import type { Deployed } from '../../../src/pipeline/package/function-update.ts';
import { createLease } from '../../../src/state/lease.ts';
import { type ControlTable, ControlTableError, openControlTable } from '../../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite } from '../../support/aws/dynalite.ts';
import { createMemoryAudit, type MemoryAudit } from '../../support/memory/memory-audit.ts';
import { plannedDeploy } from '../../support/messages/checklist-builders.ts';
import { createFakeClock, type FakeClock } from '../../support/rigs/fake-clock.ts';

export const LEASE_MS = 2_000;
export const PLAN = plannedDeploy().plan;
export const FACTS: DeployFacts = {
  functionArn: 'arn:aws:lambda:us-east-1:016164185850:function:fn',
  codeSha256: PLAN.former.codeSha256,
  handler: PLAN.former.handler,
  revisionId: 'revision 1',
  areStored: true,
};
export const DENIED = { reason: 'access-denied', message: 'not allowed', fix: 'lambda:UpdateFunctionCode' } as const;

let dynamo: LocalDynamo;
export let table: ControlTable;
export let checklistStore: ChecklistStore;
export let store: DeployStore;
const open: Deploys[] = [];
/** What all processes of the bot share. */
export let world: {
  run?: string;
  job?: TableJob;
  stopFile: boolean;
  plan: DeployPlan;
  meanwhile?: () => Promise<void>;
  wrapper: WrapperState;
  /** How often the processes looked at it. */
  looks: number;
  /** The function as it is now. */
  facts: DeployFacts;
  /** The preview of a rollback. */
  found: RollbackView;
};
/** What was done to the function, by which process. */
export let done: string[];
/** The events of all processes. */
export let events: DeployEvent[];
export let audit: MemoryAudit;

/** Each test has its own control table in dynalite. The processes of the bot are shut down after it. */
export function freshForEachTest(): void {
  beforeEach(async () => {
    dynamo = await startDynalite();
    table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
    checklistStore = createChecklistStore(table, 'fn');
    store = createDeployStore(table, 'fn');
    world = { wrapper: { kind: 'in-place' }, looks: 0, stopFile: false, plan: PLAN, facts: FACTS, found: {} };
    done = [];
    events = [];
    audit = createMemoryAudit();
    showing = async () => {};
  });
  afterEach(async () => {
    for (const deploys of open.splice(0)) await deploys.shutDown();
    await dynamo.stop();
  });
}

/** What Slack does with an event. */
export let showing: (event: DeployEvent) => Promise<void>;
export const whenShown = (how: typeof showing): void => {
  showing = how;
};
/** The events of the last copy are not seen any more. */
export let stopWatching: () => void;
export const ends = () => events.flatMap((event) => (event.kind === 'ended' ? [event] : []));

export interface Copy {
  readonly deploys: Deploys;
  readonly clock: FakeClock;
  readonly checklist: Checklist;
}
type Work = (plan: DeployPlan, way: DeployHooks & { readonly keeps?: string }) => Promise<Deployed>;

/** A process of the bot with its own clock. While the clock does not advance, the others see a dead process. */
export function copy(
  name: string,
  work: { carryOut?: Work; rollBack?: Work; plan?: () => Promise<DeployPlan>; store?: DeployStore } = {},
): Copy {
  const clock = createFakeClock(Date.parse('2026-11-24T12:00:00Z'));
  const checklist = createChecklist({
    store: checklistStore,
    clock,
    rules: { maxBackupAgeMs: 1, maxDifference: 1, maxSampleAgeMs: 1, sampleImages: 3, autoResume: true },
    codeSha256: async () => PLAN.next.codeSha256,
    lastBackup: async () => undefined,
    countRecords: async () => 0,
    blockingQuotas: async () => [],
    currentRun: async () => undefined,
    currentJob: async () => undefined,
    approval: async () => undefined,
    runs: async function* () {},
    audit: createMemoryAudit(),
    readFault: () => DENIED,
    warn: () => {},
  });
  const deployed: Work = async ({ next }) => {
    done.push(`${name} deploys`);
    return { codeSha256: next.codeSha256, versionBefore: '1', versionAfter: '2' };
  };
  const rolledBack: Work = async ({ former }, { keeps }) => {
    done.push(keeps === undefined ? `${name} rolls back` : `${name} rolls back around ${keeps}`);
    return { codeSha256: former.codeSha256, versionAfter: '3' };
  };
  const deploys = createDeploys({
    store: work.store ?? store,
    approvals: createApprovalStore(table, 'fn#deploys'),
    readFacts: async () => world.facts,
    wrapper: {
      notes: createWrapperNotes(table, 'fn'),
      readWrapper: async () => {
        world.looks += 1;
        return world.wrapper;
      },
    },
    policy: 'second-person',
    approvalMs: 15 * 60_000,
    clock,
    checklist,
    audit,
    exclusive: {
      lease: createLease({ table, name: 'fn', holder: name, durationMs: LEASE_MS, clock }),
      activeRun: async () => world.run,
      currentJob: async () => world.job,
      stopFile: '/tmp/STOP',
      async stopFileExists() {
        const { meanwhile } = world;
        delete world.meanwhile;
        await meanwhile?.();
        return world.stopFile;
      },
    },
    plan: work.plan ?? (async () => world.plan),
    carryOut: work.carryOut ?? deployed,
    rollBack: work.rollBack ?? rolledBack,
    previewRollback: async () => world.found,
    codeSha256: async () => PLAN.next.codeSha256,
    readFault: (error) => (error instanceof FaultError ? error.fault : DENIED),
    warn: () => {},
  });
  stopWatching = deploys.watch(async (event) => {
    events.push(event);
    await showing(event);
  });
  open.push(deploys);
  return { deploys, clock, checklist };
}

export async function planned({ deploys }: Copy): Promise<string> {
  const answer = await deploys.plan('U1');
  if (!answer.ok) throw new Error('The request was refused.', { cause: answer });
  return answer.value.id;
}
export const stepNow = async () => {
  const [record] = await checklistStore.steps((await checklistStore.open())?.id ?? '');
  return record;
};
/** The same work as one call of AWS: it does not notice that its signal is aborted. */
export const asOneCall =
  (work: Work): Work =>
  (plan, { signal: _, ...way }) =>
    work(plan, { ...way, signal: new AbortController().signal });
/** What the store throws while the control table does not answer. */
export const noAnswer = () =>
  new ControlTableError({ reason: 'network', message: 'The control table does not answer.', fix: '' }, undefined);
/** The ends that were shown, and why late. */
export const shown = () => ends().map(({ deploy, end, late }) => `${deploy.kind} ${end.kind}${late ? ` ${late}` : ''}`);
/** Work on the function that ends when `finish` is called. `begun` resolves when it has started. */
export function held(name: string) {
  let begin = () => {};
  let finish = () => {};
  const begun = new Promise<void>((resolve) => {
    begin = resolve;
  });
  const finished = new Promise<void>((resolve) => {
    finish = resolve;
  });
  const carryOut: Work = async ({ next }, { signal }) => {
    done.push(`${name} deploys`);
    begin();
    await Promise.race([
      finished,
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    ]);
    return { codeSha256: next.codeSha256 };
  };
  return { begun, finish, carryOut };
}
export async function until(what: () => Promise<boolean>, clock: FakeClock): Promise<void> {
  for (let look = 0; look < 300; look++) {
    if (await what()) return;
    await clock.advance(250);
  }
  throw new Error('The condition was never met.');
}
/** The deploys and rollbacks that are not closed. */
export const openDeploys = () => Array.fromAsync(store.open());
export const stateOf = async (id: string) => (await store.read(id))?.state;
