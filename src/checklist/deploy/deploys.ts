import { randomUUID } from 'node:crypto';
import { z } from 'zod';
import { type Approval, waitingOf } from '../../approvals/approval.ts';
import { createEmitter } from '../../lib/async/emitter.ts';
import { within } from '../../lib/async/within.ts';
import { defined } from '../../lib/defined.ts';
import { readJson } from '../../lib/json.ts';
import { keepNewest } from '../../lib/memory/newest.ts';
import { refuse, settle, succeed } from '../../lib/result.ts';
import {
  bringsCode,
  type DeployPlan,
  type GivenPackage,
  type RollbackView,
} from '../../pipeline/package/function-package.ts';
import type {
  DeployAnswer,
  DeployControl,
  DeployEnd,
  DeployEvent,
  DeployView,
  LateEnd,
  StepRefusal,
} from '../contracts/step-control.ts';
import { type ExclusivePorts, exclusively } from '../steps/exclusive.ts';
import { createDeployApprovals, type DeployApprovalPorts } from './deploy-approvals.ts';
import { type DeployRecord, isInProgress, type OpenDeploy } from './deploy-store.ts';
import { type FinishDeployPorts, finishDeploy, planOf, refusalOf } from './finish-deploy.ts';
import { createWrapperWatch, type WrapperWatchPorts } from './wrapper-watch.ts';

export interface DeploysPorts
  extends Omit<FinishDeployPorts, 'refusalToBegin'>,
    Omit<DeployApprovalPorts, 'clock' | 'audit'> {
  readonly exclusive: ExclusivePorts;
  readonly plan: (given: GivenPackage | undefined) => Promise<DeployPlan>;
  readonly wrapper: Pick<WrapperWatchPorts, 'notes' | 'readWrapper'>;
  readonly previewRollback: (plan: DeployPlan) => Promise<RollbackView>;
}

export interface Deploys extends DeployControl {
  /** Finishes deploys whose process stopped, and shows ends that were not shown, now and from now on. */
  standBy(): void;
  shutDown(): Promise<void>;
}

const CHECK_EVERY_MS = 5_000;
const MOST_WAIT_MS = 60_000;
/** Of the deploys that this process began, only the last ones are asked for again. */
const MOST_OWN = 100;
/** The process that ended a deploy shows it; after this time another one does, ms. */
const SHOW_FOR_OTHERS_MS = 15_000;
/** What takes longer at a shutdown, as while Slack does not answer, is left to the next process. */
const SHUTDOWN_MS = 8_000;

/** The control table failed at the beginning of a deploy, and does not say whether it has begun. */
class StartUnclearError extends Error {
  override readonly name = 'StartUnclearError';
  constructor(cause: unknown) {
    super('It is not known whether the deploy has begun.', { cause });
  }
}

/** Tells a deploy from its rollbacks, which have the same id. */
const workOf = ({ id, begunAt }: Pick<DeployRecord, 'id' | 'begunAt'>): string => `${id} ${begunAt}`;
const isSameWork = (a: OpenDeploy, b: OpenDeploy) => a.record.id === b.record.id && a.begunAt === b.begunAt;

/** A deploy or rollback whose end is shown, and when it began. */
type Shown = Pick<OpenDeploy, 'record' | 'begunAt'>;

/** See DeployControl for the guarantees. */
export function createDeploys(ports: DeploysPorts): Deploys {
  const { store, clock } = ports;
  const requests = createDeployApprovals(ports);
  const finishPorts: FinishDeployPorts = { ...ports, refusalToBegin: requests.use };
  const closing = new AbortController();
  const events = createEmitter<DeployEvent>((error, { kind }) =>
    ports.warn(`a listener failed on the event ${kind} of a deploy`, error),
  );
  let recovering: Promise<void> | undefined;
  /** Requests that are carried out. */
  let busy = 0;
  /** What persons asked for and is not done yet. It never rejects. */
  const underWay = new Set<Promise<unknown>>();
  /** Deploys and rollbacks that this process has begun or taken over. */
  const own = new Set<string>();
  /** Deploys whose interruption it has shown. */
  const shownAsInterrupted = new Set<string>();

  /** Does the work under the lease. @throws as `finishDeploy` does */
  async function work(record: DeployRecord, lost: AbortSignal, isRepeated: boolean): Promise<DeployEnd> {
    own.add(workOf(record));
    keepNewest(own, MOST_OWN);
    const deploy = viewOf(record);
    return finishDeploy(finishPorts, record, {
      signal: AbortSignal.any([lost, closing.signal]),
      isRepeated,
      onStage: (stage) => void events.emit({ kind: 'stage', deploy, stage }),
      // Once: it is repeated until it ends.
      async onInterrupted() {
        if (shownAsInterrupted.has(workOf(record))) return;
        shownAsInterrupted.add(workOf(record));
        keepNewest(shownAsInterrupted, MOST_OWN);
        await events.emit({ kind: 'interrupted', deploy });
      },
    });
  }

  /**
   * Shows the end, and closes the deploy once that is done. The message may have been stored meanwhile: the record is read
   * again, unless it is already of a rollback that has begun since.
   */
  async function show({ record, begunAt }: Shown, end: DeployEnd, late?: LateEnd): Promise<void> {
    const isSilent = end.kind === 'finished' && end.deployed.unchanged === true && record.message === undefined;
    const now = await store.read(record.id);
    const deploy = viewOf(now?.begunAt === record.begunAt ? (now ?? record) : record);
    if (isSilent || (await events.emit(defined({ kind: 'ended', deploy, end, late } as const))))
      await store.close(defined({ id: record.id, begunAt }));
  }

  /** Begins it under the lease. Where the reply to the write is lost, the record says whether it has begun. @throws StartUnclearError */
  async function begin(...[id, from, set]: Parameters<typeof store.begin>): Promise<DeployRecord | undefined> {
    try {
      return await store.begin(id, from, set);
    } catch (error) {
      const now = await settle(() => store.read(id));
      if (!now.ok) throw new StartUnclearError(error);
      if (now.value?.worker !== set.worker) throw error;
      return now.value;
    }
  }

  /** A shutdown waits for it. */
  async function tracked<T>(work: Promise<T>): Promise<T> {
    const settled = work.catch(() => {}).finally(() => underWay.delete(settled));
    underWay.add(settled);
    return work;
  }

  async function carryOut(
    id: string,
    from: DeployRecord['state'][],
    set: Pick<DeployRecord, 'by' | 'keeps' | 'channel' | 'approvalId' | 'approvedBy'> & {
      state: 'deploying' | 'rolling-back';
    },
  ): Promise<DeployAnswer> {
    if (closing.signal.aborted) return refuse({ reason: 'shutting-down' });
    busy += 1;
    let begun: DeployRecord | undefined;
    try {
      const done = await exclusively(ports.exclusive, async (lost): Promise<DeployEnd> => {
        // An earlier one that did not end is finished first: it would undo this one.
        for await (const { record } of store.open())
          if (isInProgress(record)) return { kind: 'failed', refusal: { reason: 'step-active' } };
        if (closing.signal.aborted) return { kind: 'failed', refusal: { reason: 'shutting-down' } };
        lost.throwIfAborted();
        const isRollback = set.state === 'rolling-back';
        const at = Math.round(clock.now());
        begun = await begin(id, from, { ...set, isRollback, at, begunAt: at, worker: randomUUID() });
        if (!begun) return { kind: 'failed', refusal: { reason: 'deploy-gone' } };
        if (!begun.isInPlace) await events.emit({ kind: 'begun', deploy: viewOf(begun) });
        return work(begun, lost, false);
      });
      if (!done.ok) return done;
      const isShown = begun && !begun.isInPlace ? ({ isShown: true } as const) : {};
      if (begun) {
        const shown = begun.isInPlace ? store.close(begun) : show({ record: begun, ...begun }, done.value);
        await shown.catch((error: unknown) => ports.warn('the end of a deploy is not shown yet', error));
      }
      return {
        ...(done.value.kind === 'finished' ? succeed(done.value.deployed) : refuse(done.value.refusal)),
        ...isShown,
      };
    } catch (error) {
      if (begun) {
        ports.warn('a deploy was interrupted', error);
        return { ...refuse({ reason: 'interrupted' }), isShown: true };
      }
      if (error instanceof StartUnclearError)
        return refuse({ reason: 'deploy-unclear', fault: ports.readFault(error.cause) });
      return refuse(refusalOf(error, ports));
    } finally {
      busy -= 1;
    }
  }

  /** Has every request that was used or ended shown. `olderThanMs`: the process that ended it shows the newer ones. */
  async function showApprovals(olderThanMs: number): Promise<void> {
    for await (const approval of ports.approvals.unshown()) {
      const { state } = approval;
      const since = state.kind === 'used' ? state.usedAt : 'at' in state ? state.at : 0;
      if (clock.now() - since < olderThanMs) continue;
      if (await events.emit({ kind: 'approval-changed', approval })) await ports.approvals.setShown(approval.id);
    }
  }

  /** Carries out what was approved. Whatever prevents it ends the approval. */
  async function startApproved(approval: Approval): Promise<void> {
    const { id, options, requestedBy: by, channel, state } = approval;
    if (state.kind !== 'approved') return;
    const deployId = readJson(optionsSchema, options)?.deployId ?? '';
    const set = { state: 'deploying', by, channel, approvalId: id, approvedBy: state.by } as const;
    const done = await carryOut(deployId, ['planned'], set);
    if (!done.ok && !done.isShown) await events.emit({ kind: 'not-started', approval, refusal: done.refusal });
    if (!done.ok && done.refusal.reason !== 'deploy-unclear')
      await requests.end(id, 'approved', {
        kind: 'void',
        at: Math.round(clock.now()),
        changed: [],
        because: 'refused',
      });
    await showApprovals(0);
  }

  async function recover(): Promise<void> {
    await requests.endForgotten();
    await showApprovals(SHOW_FOR_OTHERS_MS);
    for await (const open of store.open()) {
      // What this process carries out, it shows itself.
      if (busy > 0) return;
      if (isInProgress(open.record)) await recoverWork(open);
      else await showForOthers(open);
    }
  }

  async function showForOthers(open: OpenDeploy): Promise<void> {
    const { record } = open;
    const end = open.hasBegun ? readEnd(record) : undefined;
    if (!end) {
      // Under the lease, because a process may be about to begin it.
      await exclusively(ports.exclusive, async () => {
        for await (const now of store.open())
          if (isSameWork(now, open) && !isInProgress(now.record) && !(now.hasBegun && readEnd(now.record)))
            await store.close(defined({ id: record.id, begunAt: open.begunAt }));
      });
      return;
    }
    if (own.has(workOf(record)) || clock.now() - (record.at ?? 0) >= SHOW_FOR_OTHERS_MS)
      await show(open, end, 'not-shown');
  }

  async function recoverWork({ record: found }: OpenDeploy): Promise<void> {
    // While a stop file or a run prevents it, the next check tries again.
    const done = await exclusively(ports.exclusive, async (lost) => {
      // Read again under the lease: another process may have finished it meanwhile.
      lost.throwIfAborted();
      const record = await store.takeOver(found.id, randomUUID());
      if (record) await show({ record, ...record }, await work(record, lost, true), 'interrupted');
    });
    if (done.ok || done.refusal.reason === 'busy' || done.refusal.reason === 'step-active') return;
    const name = `${workOf(found)} ${done.refusal.reason}`;
    if (shownAsInterrupted.has(name)) return;
    if (await events.emit({ kind: 'interrupted', deploy: viewOf(found), until: done.refusal }))
      shownAsInterrupted.add(name);
    keepNewest(shownAsInterrupted, MOST_OWN);
  }

  async function keepRecovering(): Promise<void> {
    for (let waitMs = CHECK_EVERY_MS; !closing.signal.aborted; ) {
      const done = await settle(recover);
      if (!done.ok) ports.warn('an interrupted deploy is not finished yet', done.refusal);
      // What fails again and again repeats work on the function each time.
      waitMs = done.ok ? CHECK_EVERY_MS : Math.min(2 * waitMs, MOST_WAIT_MS);
      await clock.sleep(waitMs, closing.signal);
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
        return refuse(refusalOf(error, ports));
      }
    },
    async deploy(id, by, channel) {
      const record = await store.read(id);
      if (record && bringsCode(planOf(record))) return refuse({ reason: 'approval-needed' });
      return tracked(carryOut(id, ['planned'], { state: 'deploying', by, ...defined({ channel }) }));
    },
    async request(id, by, about) {
      const record = await store.read(id);
      if (!record) return refuse({ reason: 'deploy-gone' });
      return requests.request(record, by, about).catch((error: unknown) => refuse(refusalOf(error, ports)));
    },
    setApprovalMessage: ports.approvals.setMessage,
    approval: ports.approvals.read,
    openApprovals: async () => waitingOf(await Array.fromAsync(ports.approvals.open()), clock.now()),
    async withdrawApproved(by) {
      const withdrawn = await requests.withdrawApproved(by);
      // A stop does not wait for Slack.
      if (withdrawn.length > 0)
        tracked(showApprovals(0)).catch((error) => ports.warn('the withdrawal of a deploy is not shown yet', error));
      return withdrawn;
    },
    async inProgress() {
      for await (const { record } of store.open()) if (isInProgress(record) && !record.isInPlace) return viewOf(record);
      return;
    },
    async click(approvalId, click) {
      if (closing.signal.aborted) return refuse({ reason: 'shutting-down' });
      try {
        const decided = await requests.decide(approvalId, click);
        if (!decided.ok) return decided;
        const next = decided.value.state.kind === 'approved' ? startApproved(decided.value) : showApprovals(0);
        tracked(next).catch((error) => ports.warn(`approval ${approvalId} could not be carried out`, error));
        return decided;
      } catch (error) {
        return refuse(refusalOf(error, ports));
      }
    },
    async planRollback() {
      const last = await store.last();
      if (last && isInProgress(last)) return refuse({ reason: 'step-active' });
      // A deploy that failed half-way can be rolled back as well.
      if (last?.state !== 'deployed' && last?.state !== 'failed')
        return refuse(defined({ reason: 'nothing-deployed', rolledBackAt: await store.rolledBackAt() } as const));
      try {
        const plan = planOf(last);
        return succeed({ id: last.id, plan, ...(await ports.previewRollback(plan)) });
      } catch (error) {
        return refuse(refusalOf(error, ports));
      }
    },
    rollback: (id, by, about) => tracked(carryOut(id, ['deployed', 'failed'], { state: 'rolling-back', by, ...about })),
    setMessage: ({ id, at }, message) => store.setMessage(id, at, message),
    watch: events.watch,
    standBy() {
      const { activeRun } = ports.exclusive;
      const watch = createWrapperWatch({ ...ports, ...ports.wrapper, activeRun, emit: events.emit });
      recovering = Promise.all([keepRecovering(), watch.watch(closing.signal)]).then(() => {});
    },
    async shutDown() {
      closing.abort(new Error('The bot shuts down'));
      await within(clock, SHUTDOWN_MS, Promise.all([recovering, ...underWay]));
    },
  };
}

function viewOf(record: DeployRecord): DeployView {
  const { id, by, at = 0, begunAt = at, channel, message, approvalId, approvedBy } = record;
  const isRollback = record.isRollback ?? record.state === 'rolling-back';
  return defined({
    id,
    kind: isRollback ? 'rollback' : 'deploy',
    by,
    at: begunAt,
    plan: planOf(record),
    channel,
    message,
    approvalId,
    approvedBy,
  } as const);
}

const optionsSchema = z.object({ deployId: z.string() });
// The bot wrote these itself: their kind is checked, their details are taken as they are.
const hasReason = (value: unknown) => z.looseObject({ reason: z.string() }).safeParse(value).success;
const hasCode = (value: unknown) => z.looseObject({ codeSha256: z.string() }).safeParse(value).success;
const endSchema = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('finished'),
    deployed: z.custom<Extract<DeployEnd, { kind: 'finished' }>['deployed']>(hasCode),
  }),
  z.object({ kind: z.literal('failed'), refusal: z.custom<StepRefusal>(hasReason) }),
]);
const readEnd = ({ end }: DeployRecord): DeployEnd | undefined =>
  end === undefined ? undefined : readJson(endSchema, end);
