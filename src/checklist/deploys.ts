import { randomUUID } from 'node:crypto';
import type { Clock } from '../clock.ts';
import { DeployRefusedError } from '../pipeline/deploy-errors.ts';
import { type DeployPlan, deployPlanSchema, type GivenPackage } from '../pipeline/function-package.ts';
import type { Deployed } from '../pipeline/function-update.ts';
import type { Fault } from '../pipeline/reading.ts';
import type { Checklist } from './checklist.ts';
import type { DeployRecord, DeployStore } from './deploy-store.ts';
import { type ExclusivePorts, exclusively } from './exclusive.ts';
import type { DeployControl, StepAnswer, StepRefusal } from './step-control.ts';

export interface DeploysPorts {
  readonly store: DeployStore;
  readonly clock: Clock;
  readonly checklist: Pick<Checklist, 'begin' | 'disprove'>;
  readonly exclusive: ExclusivePorts;
  readonly plan: (given: GivenPackage | undefined) => Promise<DeployPlan>;
  readonly carryOut: (plan: DeployPlan, signal: AbortSignal) => Promise<Deployed>;
  readonly rollBack: (plan: DeployPlan, signal: AbortSignal) => Promise<Deployed>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

export interface Deploys extends DeployControl {
  /** Looks for a deploy whose process died, and brings it to its end; now and from then on. */
  standBy(): void;
  shutDown(): Promise<void>;
}

const LOOK_EVERY_MS = 5_000;

/** Deploys of failure logging as people ask for them (see DeployControl for the promises). */
export function createDeploys(ports: DeploysPorts): Deploys {
  const { store, clock, checklist } = ports;
  const over = new AbortController();
  let working: Promise<void> | undefined;
  let busy = false;

  const refused = (refusal: StepRefusal): { ok: false; refusal: StepRefusal } => ({ ok: false, refusal });
  function refusalOf(error: unknown): StepRefusal {
    ports.warn('a deploy was refused', error);
    return error instanceof DeployRefusedError
      ? { reason: 'deploy', refusal: error.refusal }
      : { reason: 'fault', fault: ports.readFault(error) };
  }
  const planOf = (record: DeployRecord): DeployPlan => deployPlanSchema.parse(JSON.parse(record.plan));

  /** Does the work of a record that is under way, and writes down how it ended. */
  async function bringToEnd(record: DeployRecord, signal: AbortSignal): Promise<StepAnswer<Deployed>> {
    const isBack = record.state === 'rolling-back';
    const plan = planOf(record);
    const step = await checklist.begin('deploy', record.by);
    try {
      const done = await (isBack ? ports.rollBack : ports.carryOut)(plan, signal);
      const at = Math.round(clock.now());
      await store.move(record.id, [record.state], { state: isBack ? 'rolled-back' : 'deployed', at });
      // What was proven was proven of other code.
      if (!plan.inPlace || isBack) await checklist.disprove('logging');
      const { codeSha256 } = done;
      await step.end(
        isBack ? 'failed' : 'done',
        isBack ? { kind: 'rollback', codeSha256 } : { kind: 'deploy', codeSha256, inPlace: plan.inPlace },
      );
      return { ok: true, value: done };
    } catch (error) {
      // The right to go on is lost, not the deploy: whoever stands by brings it to its end.
      if (signal.aborted) {
        await step.end('failed', { kind: 'interrupted' });
        throw error;
      }
      const refusal = refusalOf(error);
      // A rollback that was refused changed nothing that a deploy had done: it can be tried again.
      await store.move(record.id, [record.state], { state: isBack ? 'deployed' : 'failed' });
      await step.end('failed', { kind: 'trouble', message: error instanceof Error ? error.message : String(error) });
      return refused(refusal);
    }
  }

  async function carryOut(id: string, by: string, from: DeployRecord['state'][], to: 'deploying' | 'rolling-back') {
    busy = true;
    try {
      const taken = await exclusively(ports.exclusive, async (signal): Promise<StepAnswer<Deployed>> => {
        const moved = await store.move(id, from, { state: to, by, at: Math.round(clock.now()) });
        return moved ? bringToEnd(moved, AbortSignal.any([signal, over.signal])) : refused({ reason: 'deploy-gone' });
      });
      return 'inTheWay' in taken ? refused(taken.inTheWay) : taken.done;
    } catch (error) {
      return refused(refusalOf(error));
    } finally {
      busy = false;
    }
  }

  async function leftUnderWay(): Promise<DeployRecord | undefined> {
    const record = await store.last();
    return record?.state === 'deploying' || record?.state === 'rolling-back' ? record : undefined;
  }

  async function lookForWork(): Promise<void> {
    if (busy || !(await leftUnderWay())) return;
    // A stop file or a run in the way leaves it for later.
    await exclusively(ports.exclusive, async (signal) => {
      // Another copy may have brought it to its end while this one waited for the right to.
      const record = await leftUnderWay();
      if (record) await bringToEnd(record, AbortSignal.any([signal, over.signal]));
    });
  }

  async function standingBy(): Promise<void> {
    while (!over.signal.aborted) {
      await lookForWork().catch((error) => ports.warn('a deploy that was left is not at its end yet', error));
      await clock.sleep(LOOK_EVERY_MS, over.signal);
    }
  }

  return {
    async plan(by, given) {
      try {
        const plan = await ports.plan(given);
        const id = `d-${randomUUID().slice(0, 8)}`;
        const plannedAt = Math.round(clock.now());
        const { inPlace: isInPlace } = plan;
        await store.plan({ id, plan: JSON.stringify(plan), by, plannedAt, isInPlace, state: 'planned' });
        return { ok: true, value: { id, plan } };
      } catch (error) {
        return refused(refusalOf(error));
      }
    },
    deploy: (id, by) => carryOut(id, by, ['planned'], 'deploying'),
    async planRollback() {
      const last = await store.last();
      // One that broke off half-way can be undone as well.
      if (last?.state !== 'deployed' && last?.state !== 'failed') return refused({ reason: 'nothing-deployed' });
      return { ok: true, value: { id: last.id, plan: planOf(last) } };
    },
    rollback: (id, by) => carryOut(id, by, ['deployed', 'failed'], 'rolling-back'),
    standBy() {
      working = standingBy();
    },
    async shutDown() {
      over.abort(new Error('The bot shuts down'));
      await working;
    },
  };
}
