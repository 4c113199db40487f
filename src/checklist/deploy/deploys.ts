import { randomUUID } from 'node:crypto';
import { createEmitter, type Listener } from '../../lib/async/emitter.ts';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
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
import type { RunningStep } from '../steps/step-recorder.ts';
import type { DeployRecord, DeployStore } from './deploy-store.ts';

export interface DeploysPorts {
  readonly store: DeployStore;
  readonly clock: Clock;
  readonly checklist: Pick<Checklist, 'begin' | 'disprove'>;
  readonly exclusive: ExclusivePorts;
  readonly plan: (given: GivenPackage | undefined) => Promise<DeployPlan>;
  readonly carryOut: (plan: DeployPlan, hooks: DeployHooks) => Promise<Deployed>;
  readonly previewRollback: (plan: DeployPlan) => Promise<RollbackView>;
  readonly rollBack: (plan: DeployPlan, hooks: DeployHooks & { readonly keeps?: string }) => Promise<Deployed>;
  /** The identity of the function's code that a proof is bound to. */
  readonly codeSha256: () => Promise<string>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

/** How a deploy reports its stages and is cancelled. */
export interface DeployHooks {
  readonly signal: AbortSignal;
  readonly onStage: (stage: DeployStage) => void;
}

/** A deploy or rollback that began in a process that stopped, and that this process finished. */
export interface RecoveredDeploy {
  readonly kind: 'deploy' | 'rollback';
  readonly by: string;
  readonly plan: DeployPlan;
  readonly channel?: string;
  readonly answer: Result<Deployed, StepRefusal>;
}

export interface Deploys extends DeployControl {
  /**
   * Calls the listener for each deploy that this process finished for another; returns the function that removes it.
   */
  watch(listener: Listener<RecoveredDeploy>): () => void;
  /** Finishes deploys whose process stopped, now and from now on. */
  standBy(): void;
  shutDown(): Promise<void>;
}

const CHECK_EVERY_MS = 5_000;

/** See DeployControl for the guarantees. */
export function createDeploys(ports: DeploysPorts): Deploys {
  const { store, clock, checklist } = ports;
  const closing = new AbortController();
  const recovered = createEmitter<RecoveredDeploy>((error) =>
    ports.warn('the result of a recovered deploy was not announced', error),
  );
  let recovering: Promise<void> | undefined;
  let isBusy = false;

  function refusalOf(error: unknown): Extract<StepRefusal, { reason: 'deploy' | 'fault' }> {
    ports.warn('a deploy was refused', error);
    return error instanceof DeployRefusedError
      ? { reason: 'deploy', refusal: error.refusal }
      : { reason: 'fault', fault: ports.readFault(error) };
  }

  /** Does the work of a stored deploy and stores its result. `isRepeated`: another process may have begun it. */
  async function finish(
    record: DeployRecord,
    signal: AbortSignal,
    isRepeated: boolean,
  ): Promise<Result<Deployed, StepRefusal>> {
    const isRollback = record.state === 'rolling-back';
    const plan = planOf(record);
    let reached: DeployStage | undefined;
    const hooks: DeployHooks = {
      signal,
      onStage(stage) {
        reached = stage;
      },
    };
    const step = await checklist.begin('deploy', record.by);
    try {
      const done = isRollback
        ? await ports.rollBack(plan, { ...hooks, ...defined({ keeps: record.keeps }) })
        : await ports.carryOut(plan, hooks);
      await noteSuccess(record, plan, done, step);
      return succeed(done);
    } catch (error) {
      // The lease was lost or the bot stops: the deploy itself goes on in whichever process stands by.
      if (signal.aborted) {
        await step.end('failed', { kind: 'interrupted' });
        throw error;
      }
      const isUnchanged = !isRepeated && !changesFunction(reached);
      // A rollback that failed leaves the deploy in effect, so it can be tried again.
      await store.move(record.id, [record.state], {
        state: isRollback ? 'deployed' : isUnchanged ? 'refused' : 'failed',
      });
      const refusal = refusalOf(error);
      await step.end(
        'failed',
        refusal.reason === 'deploy'
          ? { kind: 'deploy-refused', reason: refusal.refusal.reason }
          : { kind: 'error', message: refusal.fault.message },
      );
      return refuse(isUnchanged || reached === undefined ? refusal : { ...refusal, reached });
    }
  }

  async function noteSuccess(record: DeployRecord, plan: DeployPlan, done: Deployed, step: RunningStep): Promise<void> {
    const isRollback = record.state === 'rolling-back';
    const state = isRollback ? 'rolled-back' : 'deployed';
    await store.move(record.id, [record.state], { state, at: Math.round(clock.now()) });
    // The proof was made on other code.
    if (!plan.inPlace || isRollback) await checklist.disprove('logging');
    const codeSha256 = await ports.codeSha256().catch((error: unknown) => {
      ports.warn('the code of the function could not be read after its deploy', error);
      return done.codeSha256;
    });
    if (isRollback) await step.end('failed', { kind: 'rollback', codeSha256 });
    else await step.end('done', { kind: 'deploy', codeSha256, inPlace: plan.inPlace });
  }

  async function carryOut(
    id: string,
    from: DeployRecord['state'][],
    set: Pick<DeployRecord, 'by' | 'keeps' | 'channel'> & { state: 'deploying' | 'rolling-back' },
  ): Promise<Result<Deployed, StepRefusal>> {
    isBusy = true;
    try {
      const done = await exclusively(ports.exclusive, async (signal): Promise<Result<Deployed, StepRefusal>> => {
        const moved = await store.move(id, from, { ...set, at: Math.round(clock.now()) });
        return moved
          ? finish(moved, AbortSignal.any([signal, closing.signal]), false)
          : refuse({ reason: 'deploy-gone' });
      });
      return done.ok ? done.value : done;
    } catch (error) {
      return refuse(refusalOf(error));
    } finally {
      isBusy = false;
    }
  }

  async function findInterrupted(): Promise<DeployRecord | undefined> {
    const record = await store.last();
    return record?.state === 'deploying' || record?.state === 'rolling-back' ? record : undefined;
  }

  async function recover(): Promise<void> {
    if (isBusy || !(await findInterrupted())) return;
    // While a stop file or a run prevents it, the next check tries again.
    await exclusively(ports.exclusive, async (signal) => {
      // Read again under the lease: another process may have finished it meanwhile.
      const record = await findInterrupted();
      if (!record) return;
      const answer = await finish(record, AbortSignal.any([signal, closing.signal]), true);
      const kind = record.state === 'rolling-back' ? 'rollback' : 'deploy';
      const { by, channel } = record;
      await recovered.emit(defined({ kind, by, plan: planOf(record), answer, channel } as const));
    });
  }

  async function keepRecovering(): Promise<void> {
    while (!closing.signal.aborted) {
      await recover().catch((error) => ports.warn('an interrupted deploy is not finished yet', error));
      await clock.sleep(CHECK_EVERY_MS, closing.signal);
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
        return succeed({ id, plan });
      } catch (error) {
        return refuse(refusalOf(error));
      }
    },
    deploy: (id, by, channel) => carryOut(id, ['planned'], { state: 'deploying', by, ...defined({ channel }) }),
    async planRollback() {
      const last = await store.last();
      // A deploy that failed half-way can be rolled back as well.
      if (last?.state !== 'deployed' && last?.state !== 'failed') return refuse({ reason: 'nothing-deployed' });
      try {
        const plan = planOf(last);
        return succeed({ id: last.id, plan, ...(await ports.previewRollback(plan)) });
      } catch (error) {
        return refuse(refusalOf(error));
      }
    },
    rollback: (id, by, about) => carryOut(id, ['deployed', 'failed'], { state: 'rolling-back', by, ...about }),
    watch: recovered.watch,
    standBy() {
      recovering = keepRecovering();
    },
    async shutDown() {
      closing.abort(new Error('The bot shuts down'));
      await recovering;
    },
  };
}

const planOf = (record: DeployRecord): DeployPlan => deployPlanSchema.parse(JSON.parse(record.plan));

/**
 * Whether a deploy that reached this stage may have changed the function. Publishing a version changes nothing that
 * runs.
 */
const changesFunction = (reached: DeployStage | undefined): boolean =>
  reached !== undefined && reached !== 'publishing-before';
