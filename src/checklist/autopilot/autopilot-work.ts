import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import { type Result, succeed } from '../../lib/result.ts';
import type { RunControl, RunPlan } from '../../run/model/run-control.ts';
import type { Canary, PaceSetting } from '../../run/model/types.ts';
import type { AutopilotBlocker, AutopilotEvent } from '../contracts/autopilot-control.ts';
import type { ResultControl, StartControl, StartRefusal, Validation } from '../contracts/result-control.ts';
import type { DeployControl, StepControl, StepRefusal } from '../contracts/step-control.ts';
import type { TableControl } from '../contracts/table-control.ts';
import type { AutopilotRecord } from '../model/autopilot-record.ts';
import type { OwnStep } from './autopilot-move.ts';
import type { AutopilotStore } from './autopilot-store.ts';

export interface AutopilotWorkPorts {
  readonly store: Pick<AutopilotStore, 'read'>;
  readonly clock: Clock;
  readonly tables: Pick<
    TableControl,
    'backup' | 'currentBackup' | 'planFlush' | 'request' | 'addRequester' | 'approval' | 'withdraw' | 'watch'
  >;
  readonly starts: Pick<StartControl, 'plan' | 'start'>;
  readonly runs: Pick<RunControl, 'location' | 'stop' | 'readPlan' | 'knownHalts'>;
  /** Does a step to its end. Returns the blocker when it was refused. */
  readonly doStep: (step: Exclude<OwnStep, 'backup' | 'validate'>, by: string) => Promise<AutopilotBlocker | undefined>;
  /** Validates the last run; undefined when that failed, which is logged. */
  readonly validate: (by: string) => Promise<Validation | undefined>;
  readonly pace: PaceSetting;
  readonly canary: Canary;
  readonly pollMs: number;
  readonly newApprovalId?: () => string;
  readonly emit: (event: AutopilotEvent) => Promise<boolean>;
  /** Changes the record as the driving process; undefined when this process does not drive it any more. */
  readonly change: AutopilotStore['change'];
  /** Whether this process drives the autopilot at this moment. */
  readonly holdsLease: () => boolean;
  readonly closing: AbortSignal;
  readonly warn: (message: string, cause: unknown) => void;
}

/**
 * What the autopilot does. Each returns a blocker when it was refused; undefined when it is done or was stopped by
 * someone.
 */
export interface AutopilotWork {
  doStep(step: OwnStep, record: AutopilotRecord): Promise<AutopilotBlocker | undefined>;
  requestFlush(record: AutopilotRecord): Promise<AutopilotBlocker | undefined>;
  startRun(record: AutopilotRecord): Promise<AutopilotBlocker | undefined>;
}

const REASON = 'Autopilot';
/** An older plan is replaced, since the bucket may contain other images by now, ms. */
const MAX_PLAN_AGE_MS = 10 * 60_000;

export function createAutopilotWork(ports: AutopilotWorkPorts): AutopilotWork {
  const { store, clock, tables, runs, emit, change, closing } = ports;
  const newApprovalId = ports.newApprovalId ?? (() => `a-${randomUUID().slice(0, 8)}`);

  /** Another copy of the bot may have taken the backup over and ended it: its event does not come to this process. */
  const isBackupActive = (jobId: string): Promise<boolean> =>
    tables.currentBackup().then(
      (job) => job?.id === jobId,
      (error) => {
        ports.warn('the backup in progress could not be read', error);
        return true;
      },
    );

  async function makeBackup(record: AutopilotRecord): Promise<AutopilotBlocker | undefined> {
    const ended = new Set<string>();
    let wake = () => {};
    const unwatch = tables.watch((event) => {
      if (event.kind !== 'finished' && event.kind !== 'failed' && event.kind !== 'stopped') return;
      ended.add(event.job.id);
      wake();
    });
    try {
      const begun = await tables.backup({ by: record.by, note: REASON, location: record.location });
      // A backup that a process of before had begun is being made again: the autopilot looks at the checklist after that.
      const isBeingMade =
        !begun.ok && begun.refusal.reason === 'job-active' && begun.refusal.job.work.kind === 'backup';
      if (isBeingMade) return void (await clock.sleep(ports.pollMs, closing));
      // The next process continues.
      if (!begun.ok && begun.refusal.reason === 'shutting-down')
        return void (await change(record.id, { set: { attempts: record.attempts } }, ['running']));
      if (!begun.ok) return { kind: 'table-refused', step: 'backup', refusal: begun.refusal };
      const { id } = begun.value;
      while (!ended.has(id) && !closing.aborted && ports.holdsLease() && (await isBackupActive(id))) {
        const waking = new AbortController();
        wake = () => waking.abort();
        await clock.sleep(ports.pollMs, AbortSignal.any([closing, waking.signal]));
      }
      return;
    } finally {
      unwatch();
    }
  }

  /**
   * The plan that was stored before a crash if it is recent, else a new one, stored in the record. Undefined when
   * stopped.
   */
  async function planRun(record: AutopilotRecord): Promise<Result<RunPlan, StartRefusal> | undefined> {
    const before = record.runId === undefined ? undefined : await runs.readPlan(record.runId);
    if (before && clock.now() - before.plannedAt < MAX_PLAN_AGE_MS) return succeed(before);
    const { by } = record;
    // The run has a message of its own, so the location has no `ts`.
    const location = { channel: record.location.channel };
    const { pace: paceSetting, canary } = ports;
    const planned = await ports.starts.plan({ selection: {}, paceSetting, canary, by, location });
    if (!planned.ok) return planned;
    return (await change(record.id, { set: { runId: planned.value.runId } }, ['running'])) && planned;
  }

  return {
    async doStep(step, record) {
      const attempts = { ...record.attempts, [step]: (record.attempts[step] ?? 0) + 1 };
      // The logging is tested again after a deploy.
      if (step === 'deploy') attempts['test-logging'] = 0;
      const attemptedAt = { ...record.attemptedAt, [step]: Math.round(clock.now()) };
      if (!(await change(record.id, { set: { attempts, attemptedAt } }, ['running']))) return;
      if (step === 'backup') return makeBackup(record);
      if (step !== 'validate') {
        const blocker = await ports.doStep(step, record.by);
        const reason = blocker?.kind === 'step-refused' ? blocker.refusal.reason : undefined;
        const isBusy = reason === 'busy' || reason === 'step-active' || reason === 'shutting-down';
        if (!isBusy && reason !== 'interrupted' && reason !== 'deploy-unclear') return blocker;
        // Another process works on the function, took the step over, or continues after a restart: no person is needed.
        // What did not begin is no attempt.
        if (isBusy) await change(record.id, { set: { attempts: record.attempts } }, ['running']);
        return void (await clock.sleep(ports.pollMs, closing));
      }
      const validation = await ports.validate(record.by);
      if (validation) await emit({ kind: 'validated', record, validation });
      return;
    },

    async requestFlush(record) {
      const plan = await tables.planFlush({ failedOnly: false });
      if (!plan.ok) return { kind: 'table-refused', step: 'flush', refusal: plan.refusal };
      // Stored before the request is made, so that a stop or another process finds the request after a crash.
      const isUnused = record.approvalId !== undefined && (await tables.approval(record.approvalId)) === undefined;
      const approvalId = isUnused && record.approvalId !== undefined ? record.approvalId : newApprovalId();
      const updated = await change(record.id, { set: { approvalId } }, ['running']);
      if (!updated) return;
      const { channel } = record.location;
      const asked = await tables.request({
        action: plan.value.action,
        by: record.by,
        ...defined({ alsoBy: updated.alsoBy }),
        reason: REASON,
        channel,
        approvalId,
      });
      if (!asked.ok) return { kind: 'table-refused', step: 'flush', refusal: asked.refusal };
      const now = await store.read();
      // Before anybody can see the request, those who let it try again while it was made.
      for (const person of now?.alsoBy ?? [])
        if (!updated.alsoBy?.includes(person)) await tables.addRequester(approvalId, person);
      if (now?.state !== 'running') {
        // It was stopped at this moment, so nobody may approve the request.
        await tables.withdraw(approvalId, record.by);
        return;
      }
      await emit({ kind: 'approval-asked', record: updated, approval: asked.value });
      return;
    },

    async startRun(record) {
      // A stop meanwhile finds no run to stop, and holds all the same.
      const since = runs.knownHalts();
      const planned = await planRun(record);
      if (!planned) return;
      if (!planned.ok) return { kind: 'start-refused', step: 'rescan', refusal: planned.refusal };
      const { runId } = planned.value;
      const { by, location } = record;
      // A process that crashed may have shown the plan.
      if ((await runs.location(runId))?.ts === undefined)
        await emit({ kind: 'run-planned', record, plan: planned.value });
      const shown = await runs.location(runId);
      if (!(await change(record.id, { set: { runId } }, ['running']))) return;
      const options = { location: shown ?? { channel: location.channel }, unattended: true, since };
      const started = await ports.starts.start(runId, by, options);
      // One that may have started is looked at again.
      const isUnclear = !started.ok && started.refusal.reason === 'maybe-started';
      if (!started.ok && !isUnclear) return { kind: 'start-refused', step: 'rescan', refusal: started.refusal };
      // A stop that came meanwhile found no run to stop.
      if ((await store.read())?.state !== 'running') await runs.stop(by, { now: false });
      if (isUnclear) await clock.sleep(ports.pollMs, closing);
      return;
    },
  };
}

/** The steps of the checklist as the autopilot does them: through the same controls as a person. */
export function createAutopilotSteps(ports: {
  readonly steps: StepControl;
  readonly deploys: Pick<DeployControl, 'plan' | 'deploy'>;
  readonly results: Pick<ResultControl, 'validate'>;
  readonly warn: (message: string, cause: unknown) => void;
}): Pick<AutopilotWorkPorts, 'doStep' | 'validate'> {
  const { steps, deploys } = ports;
  async function doAs(
    step: Exclude<OwnStep, 'backup' | 'validate'>,
    by: string,
  ): Promise<Result<unknown, StepRefusal>> {
    switch (step) {
      case 'test-logging':
        return steps.testLogging(by);
      case 'sample':
        return steps.sample(by);
      case 'quotas':
        return steps.quotas(by);
      case 'deploy': {
        const planned = await deploys.plan(by);
        return planned.ok ? deploys.deploy(planned.value.id, by) : planned;
      }
    }
  }
  return {
    async doStep(step, by): Promise<AutopilotBlocker | undefined> {
      const done = await doAs(step, by);
      return done.ok ? undefined : { kind: 'step-refused', step, refusal: done.refusal };
    },
    async validate(by) {
      const validated = await ports.results.validate({ recordAs: by });
      if (validated.ok) return validated.value;
      ports.warn('the autopilot could not validate the table', validated.refusal);
      return;
    },
  };
}
