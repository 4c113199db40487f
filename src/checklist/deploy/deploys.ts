import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { Result } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import { DeployRefusedError } from '../../pipeline/package/deploy-errors.ts';
import {
  type DeployPlan,
  deployPlanSchema,
  type GivenPackage,
  type RollbackView,
} from '../../pipeline/package/function-package.ts';
import type { Deployed, DeployStage } from '../../pipeline/package/function-update.ts';
import type { DeployControl, StepRefusal } from '../contracts/step-control.ts';
import type { Checklist } from '../steps/checklist.ts';
import { type ExclusivePorts, exclusively } from '../steps/exclusive.ts';
import type { DeployRecord, DeployStore } from './deploy-store.ts';

export interface DeploysPorts {
  readonly store: DeployStore;
  readonly clock: Clock;
  readonly checklist: Pick<Checklist, 'begin' | 'disprove'>;
  readonly exclusive: ExclusivePorts;
  readonly plan: (given: GivenPackage | undefined) => Promise<DeployPlan>;
  readonly carryOut: (plan: DeployPlan, way: DeployHooks) => Promise<Deployed>;
  readonly previewRollback: (plan: DeployPlan) => Promise<RollbackView>;
  readonly rollBack: (plan: DeployPlan, way: DeployHooks & { readonly keeps?: string }) => Promise<Deployed>;
  /** The function as proofs name it. */
  readonly codeSha256: () => Promise<string>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

/** How work on the function is followed, and stopped. */
export interface DeployHooks {
  readonly signal: AbortSignal;
  readonly onStage: (stage: DeployStage) => void;
}

/** The end of a deploy or a rollback that began in a process that died. */
export interface RecoveredDeploy {
  readonly kind: 'deploy' | 'rollback';
  readonly by: string;
  readonly plan: DeployPlan;
  readonly channel?: string;
  readonly answer: Result<Deployed, StepRefusal>;
}

export interface Deploys extends DeployControl {
  /** Hears of ends that nobody waits for, until what it gives back is called. */
  watch(listener: (end: RecoveredDeploy) => Promise<void>): () => void;
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
  const listeners = new Set<(end: RecoveredDeploy) => Promise<void>>();

  const refused = (refusal: StepRefusal): { ok: false; refusal: StepRefusal } => ({ ok: false, refusal });
  function refusalOf(error: unknown): Extract<StepRefusal, { reason: 'deploy' | 'fault' }> {
    ports.warn('a deploy was refused', error);
    return error instanceof DeployRefusedError
      ? { reason: 'deploy', refusal: error.refusal }
      : { reason: 'fault', fault: ports.readFault(error) };
  }
  const planOf = (record: DeployRecord): DeployPlan => deployPlanSchema.parse(JSON.parse(record.plan));

  /** Does the work of a record that is under way, and writes down how it ended. `again`: a process before may have begun it. */
  async function bringToEnd(
    record: DeployRecord,
    signal: AbortSignal,
    again: boolean,
  ): Promise<Result<Deployed, StepRefusal>> {
    const isBack = record.state === 'rolling-back';
    const plan = planOf(record);
    let reached: DeployStage | undefined;
    const way: DeployHooks = {
      signal,
      onStage(stage) {
        reached = stage;
      },
    };
    const step = await checklist.begin('deploy', record.by);
    try {
      const { keeps } = record;
      const done = isBack
        ? await ports.rollBack(plan, { ...way, ...(keeps === undefined ? {} : { keeps }) })
        : await ports.carryOut(plan, way);
      const at = Math.round(clock.now());
      await store.move(record.id, [record.state], { state: isBack ? 'rolled-back' : 'deployed', at });
      // What was proven was proven of other code.
      if (!plan.inPlace || isBack) await checklist.disprove('logging');
      const codeSha256 = await ports.codeSha256().catch((error: unknown) => {
        ports.warn('the function could not be looked at after its deploy', error);
        return done.codeSha256;
      });
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
      const isUntouched = !again && !changesFunction(reached);
      // A rollback that was refused changed nothing that a deploy had done: it can be tried again.
      await store.move(record.id, [record.state], { state: isBack ? 'deployed' : isUntouched ? 'refused' : 'failed' });
      const refusal = refusalOf(error);
      await step.end(
        'failed',
        refusal.reason === 'deploy'
          ? { kind: 'deploy-refused', reason: refusal.refusal.reason }
          : { kind: 'error', message: refusal.fault.message },
      );
      return refused(isUntouched || reached === undefined ? refusal : { ...refusal, reached });
    }
  }

  async function carryOut(
    id: string,
    from: DeployRecord['state'][],
    set: Pick<DeployRecord, 'by' | 'keeps' | 'channel'> & { state: 'deploying' | 'rolling-back' },
  ) {
    busy = true;
    try {
      const taken = await exclusively(ports.exclusive, async (signal): Promise<Result<Deployed, StepRefusal>> => {
        const moved = await store.move(id, from, { ...set, at: Math.round(clock.now()) });
        return moved
          ? bringToEnd(moved, AbortSignal.any([signal, over.signal]), false)
          : refused({ reason: 'deploy-gone' });
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

  async function tellEnd(record: DeployRecord, answer: Result<Deployed, StepRefusal>): Promise<void> {
    const { by, channel } = record;
    const kind = record.state === 'rolling-back' ? 'rollback' : 'deploy';
    const end: RecoveredDeploy = {
      kind,
      by,
      plan: planOf(record),
      answer,
      ...(channel === undefined ? {} : { channel }),
    };
    for (const listener of listeners)
      await listener(end).catch((error) => ports.warn('the end of a deploy could not be told', error));
  }

  async function lookForWork(): Promise<void> {
    if (busy || !(await leftUnderWay())) return;
    // A stop file or a run in the way leaves it for later.
    await exclusively(ports.exclusive, async (signal) => {
      // Another copy may have brought it to its end while this one waited for the right to.
      const record = await leftUnderWay();
      if (!record) return;
      const answer = await bringToEnd(record, AbortSignal.any([signal, over.signal]), true);
      await tellEnd(record, answer);
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
    deploy: (id, by, channel) =>
      carryOut(id, ['planned'], { state: 'deploying', by, ...(channel === undefined ? {} : { channel }) }),
    async planRollback() {
      const last = await store.last();
      // One that broke off half-way can be undone as well.
      if (last?.state !== 'deployed' && last?.state !== 'failed') return refused({ reason: 'nothing-deployed' });
      try {
        const plan = planOf(last);
        return { ok: true, value: { id: last.id, plan, ...(await ports.previewRollback(plan)) } };
      } catch (error) {
        return refused(refusalOf(error));
      }
    },
    rollback: (id, by, about) => carryOut(id, ['deployed', 'failed'], { state: 'rolling-back', by, ...about }),
    watch(listener) {
      listeners.add(listener);
      return () => void listeners.delete(listener);
    },
    standBy() {
      working = standingBy();
    },
    async shutDown() {
      over.abort(new Error('The bot shuts down'));
      await working;
    },
  };
}

/** Whether work that came so far may have changed the function: publishing a version changes nothing that runs. */
const changesFunction = (reached: DeployStage | undefined): boolean =>
  reached !== undefined && reached !== 'publishing-before';
