import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { settle } from '../../lib/result.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import { type DeployRefusal, DeployRefusedError } from '../../pipeline/package/deploy-errors.ts';
import { type DeployPlan, deployPlanSchema } from '../../pipeline/package/function-package.ts';
import type { Deployed, DeployStage } from '../../pipeline/package/function-update.ts';
import type { AuditOutcome } from '../audit/audit-outcome.ts';
import type { AuditWriter } from '../audit/audit-writer.ts';
import type { DeployEnd, StepRefusal } from '../contracts/step-control.ts';
import type { StepFinding } from '../model/step.ts';
import type { Checklist } from '../steps/checklist.ts';
import type { RunningStep } from '../steps/step-recorder.ts';
import { type DeployRecord, type DeployStore, isInProgress } from './deploy-store.ts';

/** How a deploy reports its stages and is cancelled. */
export interface DeployHooks {
  readonly signal: AbortSignal;
  readonly onStage: (stage: DeployStage) => void;
}

export interface FinishDeployPorts {
  readonly store: DeployStore;
  readonly clock: Clock;
  readonly checklist: Pick<Checklist, 'begin' | 'disprove'>;
  readonly audit: Pick<AuditWriter, 'record' | 'enqueue'>;
  readonly carryOut: (plan: DeployPlan, hooks: DeployHooks) => Promise<Deployed>;
  readonly rollBack: (plan: DeployPlan, hooks: DeployHooks & { readonly keeps?: string }) => Promise<Deployed>;
  /** Why a deploy of new code may not begin: its approval does not cover it, as everything is now. */
  readonly refusalToBegin: (record: DeployRecord) => Promise<StepRefusal | undefined>;
  /** The identity of the function's code that a proof is bound to. */
  readonly codeSha256: () => Promise<string>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

/** A rollback that the bot does by itself is tried this often. */
const UNDO_ATTEMPTS = 5;
const UNDO_AGAIN_MS = 2_000;
/** So often a write that belongs to the end is tried. After that the deploy stays in progress, and is repeated later. */
const END_ATTEMPTS = 10;
const END_AGAIN_MS = 1_000;

export const planOf = (record: DeployRecord): DeployPlan => deployPlanSchema.parse(JSON.parse(record.plan));

export const refusalOf = (
  error: unknown,
  { readFault, warn }: Pick<FinishDeployPorts, 'readFault' | 'warn'>,
): Extract<StepRefusal, { reason: 'deploy' | 'fault' }> => {
  warn('a deploy was refused', error);
  return error instanceof DeployRefusedError
    ? { reason: 'deploy', refusal: error.refusal }
    : { reason: 'fault', fault: readFault(error) };
};

/**
 * Does the work of a stored deploy or rollback under the lease, and stores how it ended; returns the end. What it does is in
 * the audit log before it begins. `isRepeated`: another process may have begun it.
 * @throws where it did not end here: `signal` is aborted, the end cannot be stored, or another process has taken it over. The
 * deploy stays in progress, and whichever process stands by finishes it. `onInterrupted` is called before that where the
 * record says that it is still this process's
 */
export async function finishDeploy(
  ports: FinishDeployPorts,
  record: DeployRecord,
  how: {
    readonly signal: AbortSignal;
    readonly isRepeated: boolean;
    readonly onStage: (stage: DeployStage | 'undoing') => void;
    readonly onInterrupted: () => Promise<unknown>;
  },
): Promise<DeployEnd> {
  const { store, clock, checklist, audit } = ports;
  const { signal, isRepeated } = how;
  const isRollback = record.state === 'rolling-back';
  const plan = planOf(record);
  const what = `${isRollback ? 'rollback of deploy' : 'deploy'} ${record.id}`;
  let reached: DeployStage | undefined;
  const hooks: DeployHooks = {
    signal,
    onStage(stage) {
      reached = stage;
      how.onStage(stage);
    },
  };
  let step: RunningStep | undefined;
  /** The end that was written last, and what follows once it is stored. */
  let written: { readonly json: string; readonly note: () => Promise<DeployEnd> } | undefined;
  // A call of AWS in progress is waited for, and another process may have the step by then.
  signal.addEventListener('abort', () => void step?.leave(), { once: true });

  const takenOver = () => new Error(`Another process works on ${what}, or has ended it. That one shows its end.`);

  /** A write that belongs to the end. @throws its last error */
  async function persistently<T>(write: () => Promise<T>): Promise<T> {
    for (let attempt = 1; ; attempt += 1)
      try {
        return await write();
      } catch (error) {
        if (attempt === END_ATTEMPTS || signal.aborted) throw error;
        ports.warn(`the end of ${what} is not stored yet`, error);
        await clock.sleep(END_AGAIN_MS, signal);
      }
  }

  /** Stores the end: from then on nobody repeats the work. */
  async function conclude(
    state: DeployRecord['state'],
    end: DeployEnd,
    found: StepFinding,
    outcome: AuditOutcome,
  ): Promise<DeployEnd> {
    const set = { state, at: Math.round(clock.now()), end: JSON.stringify(end) };
    async function note(): Promise<DeployEnd> {
      audit.enqueue({ who: record.by, what, outcome });
      const isDone = end.kind === 'finished' && !isRollback;
      const noted = await settle(async () => step?.end(isDone ? 'done' : 'failed', found));
      if (!noted.ok) ports.warn(`the checklist does not have the end of ${what}`, noted.refusal);
      return end;
    }
    written = { json: set.end, note };
    // The first write may have lost its reply: then the record has this end.
    const stored = await persistently(async () => (await store.change(record, set)) ?? (await store.read(record.id)));
    if (stored?.end !== set.end || stored.worker !== record.worker) throw takenOver();
    return note();
  }

  async function succeeded(done: Deployed): Promise<DeployEnd> {
    // Another process may have finished it, and somebody may have tested the logging since.
    if ((await persistently(() => store.read(record.id)))?.worker !== record.worker) throw takenOver();
    // The proof was made on other code, which it names: it does not hold for this one either way.
    if (!plan.inPlace || isRollback)
      await checklist
        .disprove('logging')
        .catch((error: unknown) => ports.warn('the proof of failure logging was not removed', error));
    const codeSha256 = await ports.codeSha256().catch((error: unknown) => {
      ports.warn('the code of the function could not be read after its deploy', error);
      return done.codeSha256;
    });
    const found: StepFinding = isRollback
      ? { kind: 'rollback', codeSha256 }
      : { kind: 'deploy', codeSha256, inPlace: plan.inPlace };
    const version = done.versionAfter === undefined ? '' : `, published as version ${done.versionAfter}`;
    const untested = done.untested === undefined ? '' : ', not tested because the function could not be invoked';
    const outcome: AuditOutcome = done.unchanged
      ? 'finished: everything was in place already'
      : `finished: code ${done.codeSha256}${version}${untested}`;
    return conclude(isRollback ? 'rolled-back' : 'deployed', { kind: 'finished', deployed: done }, found, outcome);
  }

  const refused = (refusal: StepRefusal): Promise<DeployEnd> =>
    conclude('refused', { kind: 'failed', refusal }, { kind: 'interrupted' }, `refused: ${refusal.reason}`);

  /** The new package cannot be loaded, so every image would fail: rolls it back. */
  async function undo(refusal: DeployRefusal): Promise<DeployEnd> {
    how.onStage('undoing');
    const undoing = { state: 'undoing', undoBecause: JSON.stringify(refusal) } as const;
    if (!(await persistently(() => store.change(record, undoing)))) throw takenOver();
    audit.enqueue({ who: 'bot', what, outcome: `failed: ${refusal.reason}; the bot rolls it back` });
    const found: StepFinding = { kind: 'deploy-refused', reason: refusal.reason };
    for (let attempt = 1; ; attempt++)
      try {
        const { codeSha256 } = await ports.rollBack(plan, { ...hooks, onStage() {} });
        const end = { kind: 'failed', refusal: { reason: 'deploy', refusal, undone: 'undone' } } as const;
        return conclude(
          'undone',
          end,
          found,
          `failed: ${refusal.reason}; rolled back by the bot to code ${codeSha256}`,
        );
      } catch (error) {
        signal.throwIfAborted();
        if (attempt < UNDO_ATTEMPTS && !(error instanceof DeployRefusedError)) {
          ports.warn('a package that cannot be loaded is not rolled back yet', error);
          await clock.sleep(UNDO_AGAIN_MS, signal);
          continue;
        }
        const undone = { failed: refusalOf(error, ports) };
        const end = { kind: 'failed', refusal: { reason: 'deploy', refusal, undone } } as const;
        return conclude('failed', end, found, `failed: ${refusal.reason}; the rollback by the bot failed, too`);
      }
  }

  async function failed(error: unknown): Promise<DeployEnd> {
    const isUnchanged = !isRepeated && !changesFunction(reached);
    const refusal = refusalOf(error, ports);
    const stage = isUnchanged ? undefined : reached;
    const end: DeployEnd = { kind: 'failed', refusal: stage === undefined ? refusal : { ...refusal, reached: stage } };
    const found: StepFinding =
      refusal.reason === 'deploy'
        ? { kind: 'deploy-refused', reason: refusal.refusal.reason }
        : { kind: 'error', message: refusal.fault.message };
    const why = refusal.reason === 'deploy' ? refusal.refusal.reason : refusal.fault.message;
    const outcome: AuditOutcome = isUnchanged ? `refused: ${why}` : `failed: ${reached ? `at ${reached}, ` : ''}${why}`;
    // A rollback that failed leaves the deploy in effect, so it can be tried again.
    return conclude(isRollback ? 'deployed' : isUnchanged ? 'refused' : 'failed', end, found, outcome);
  }

  async function finish(): Promise<DeployEnd> {
    let done: Deployed;
    try {
      const notCovered = record.state === 'deploying' ? await ports.refusalToBegin(record) : undefined;
      if (notCovered) return refused(notCovered);
      await audit.record({
        who: isRepeated ? 'bot' : record.by,
        what,
        outcome: isRepeated ? 'resumed: it was not finished' : `begun: ${describeChange(record, plan)}`,
      });
      step = await checklist.begin('deploy', record.by);
      const undoBecause = undoReason(record);
      if (undoBecause) return undo(undoBecause);
      done = isRollback
        ? await ports.rollBack(plan, { ...hooks, ...defined({ keeps: record.keeps }) })
        : await ports.carryOut(plan, hooks);
    } catch (error) {
      // What cannot be in the audit log is not repeated now.
      if (signal.aborted || (!step && isRepeated)) throw error;
      const isBroken = error instanceof DeployRefusedError && error.refusal.reason === 'not-loadable';
      return isBroken ? undo(error.refusal) : failed(error);
    }
    return succeeded(done);
  }

  try {
    return await finish();
  } catch (error) {
    const read = await settle(() => store.read(record.id));
    const now = read.ok && read.value?.worker === record.worker ? read.value : undefined;
    // The reply to its write was lost, and the reads after it failed.
    if (written && now?.end === written.json) return written.note();
    if (!now || !isInProgress(now)) {
      await step?.leave();
      throw error;
    }
    if (isRepeated && !step && !signal.aborted) {
      await how.onInterrupted();
      throw error;
    }
    const why = signal.aborted ? 'the bot stopped' : 'its end is not stored';
    audit.enqueue({ who: 'bot', what, outcome: `interrupted: ${reached ? `at ${reached}, ` : ''}${why}` });
    const noted = await settle(async () => step?.end('failed', { kind: 'interrupted' }));
    if (!noted.ok) ports.warn(`the checklist does not have the interruption of ${what}`, noted.refusal);
    await how.onInterrupted();
    throw error;
  }
}

// The bot wrote it itself.
const undoReason = ({ state, undoBecause }: DeployRecord): DeployRefusal | undefined =>
  state === 'undoing' ? JSON.parse(undoBecause ?? '{"reason":"not-loadable","errorType":"","message":""}') : undefined;

/** A deploy that ended before this point did not change the code. */
const changesFunction = (stage: DeployStage | undefined): boolean =>
  stage !== undefined && stage !== 'publishing-before';

function describeChange({ state, keeps }: DeployRecord, { former, next, given }: DeployPlan): string {
  if (state === 'rolling-back')
    return keeps === undefined
      ? `code ${next.codeSha256} to ${former.codeSha256}`
      : `handler ${next.handler} to ${former.handler}, code ${keeps} kept`;
  const code = former.codeSha256 === next.codeSha256 ? 'unchanged' : `${former.codeSha256} to ${next.codeSha256}`;
  return `code ${code}, handler ${former.handler} to ${next.handler}${given === undefined ? '' : `, with ${given}`}`;
}
