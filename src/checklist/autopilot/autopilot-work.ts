import { randomUUID } from 'node:crypto';
import type { Clock } from '../../lib/clock.ts';
import type { Result } from '../../lib/result.ts';
import type { RunControl, RunPlan } from '../../run/model/run-control.ts';
import type { Canary, PaceSetting } from '../../run/model/types.ts';
import type { AutopilotBlocker, AutopilotEvent } from '../contracts/autopilot-control.ts';
import type { Validation } from '../contracts/result-control.ts';
import type { TableControl } from '../contracts/table-control.ts';
import type { StartControl, StartRefusal } from '../steps/start-control.ts';
import type { OwnStep } from './autopilot-move.ts';
import type { AutopilotRecord, AutopilotStore } from './autopilot-store.ts';

export interface AutopilotWorkPorts {
  readonly store: Pick<AutopilotStore, 'read'>;
  readonly clock: Clock;
  readonly tables: Pick<TableControl, 'backup' | 'planFlush' | 'request' | 'approval' | 'withdraw' | 'watch'>;
  readonly starts: Pick<StartControl, 'plan' | 'start'>;
  readonly runs: Pick<RunControl, 'location' | 'stop' | 'readPlan'>;
  /** Does a step of its own to its end; what stood in its way otherwise. */
  readonly doStep: (step: Exclude<OwnStep, 'backup' | 'validate'>, by: string) => Promise<AutopilotBlocker | undefined>;
  /** Holds the table against what the run says; undefined where it could not be done, which is logged. */
  readonly validate: (by: string) => Promise<Validation | undefined>;
  readonly pace: PaceSetting;
  readonly canary: Canary;
  readonly pollMs: number;
  readonly newApprovalId?: () => string;
  readonly emit: (event: AutopilotEvent) => Promise<boolean>;
  /** Changes the record as the copy that drives it; undefined where it does not any more. */
  readonly change: AutopilotStore['change'];
  readonly over: AbortSignal;
}

/** What the autopilot does by itself. Each answers what stood in its way, and nothing where it is done or somebody stopped it. */
export interface AutopilotWork {
  doStep(step: OwnStep, record: AutopilotRecord): Promise<AutopilotBlocker | undefined>;
  askFlush(record: AutopilotRecord): Promise<AutopilotBlocker | undefined>;
  startRun(record: AutopilotRecord): Promise<AutopilotBlocker | undefined>;
}

const REASON = 'Autopilot';
/** A plan that was made so long ago is made anew: the bucket may hold other images by now, ms. */
const PLAN_HOLDS_MS = 10 * 60_000;

export function createAutopilotWork(ports: AutopilotWorkPorts): AutopilotWork {
  const { store, clock, tables, runs, emit, change, over } = ports;
  const newApprovalId = ports.newApprovalId ?? (() => `a-${randomUUID().slice(0, 8)}`);

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
      if (!begun.ok) return { kind: 'table-refused', step: 'backup', refusal: begun.refusal };
      while (!ended.has(begun.value.id) && !over.aborted) {
        const waking = new AbortController();
        wake = () => waking.abort();
        await clock.sleep(ports.pollMs, AbortSignal.any([over, waking.signal]));
      }
      return;
    } finally {
      unwatch();
    }
  }

  /** The plan that was made and noted before a crash, where it still holds; else a new one, noted. */
  async function planRun(record: AutopilotRecord): Promise<Result<RunPlan, StartRefusal> | undefined> {
    const before = record.runId === undefined ? undefined : await runs.readPlan(record.runId);
    if (before && clock.now() - before.plannedAt < PLAN_HOLDS_MS) return { ok: true, value: before };
    const { by } = record;
    // Under a message of its own, not under the autopilot's.
    const location = { channel: record.location.channel };
    const { pace: paceSetting, canary } = ports;
    const planned = await ports.starts.plan({ selection: {}, paceSetting, canary, by, location });
    if (!planned.ok) return planned;
    return (await change(record.id, { set: { runId: planned.value.runId } }, ['running'])) && planned;
  }

  return {
    async doStep(step, record) {
      const attempts = { ...record.attempts, [step]: (record.attempts[step] ?? 0) + 1 };
      // A deploy is followed by another test of the logging.
      if (step === 'deploy') attempts['test-logging'] = 0;
      if (!(await change(record.id, { set: { attempts } }, ['running']))) return;
      if (step === 'backup') return makeBackup(record);
      if (step !== 'validate') return ports.doStep(step, record.by);
      const validation = await ports.validate(record.by);
      if (validation) await emit({ kind: 'validated', record, validation });
      return;
    },

    async askFlush(record) {
      const plan = await tables.planFlush({ failedOnly: false });
      if (!plan.ok) return { kind: 'table-refused', step: 'flush', refusal: plan.refusal };
      // Noted before it is asked for: whoever stops or takes over finds the request, whatever comes in between.
      const isUnused = record.approvalId !== undefined && (await tables.approval(record.approvalId)) === undefined;
      const approvalId = isUnused && record.approvalId !== undefined ? record.approvalId : newApprovalId();
      const noted = await change(record.id, { set: { approvalId } }, ['running']);
      if (!noted) return;
      const { channel } = record.location;
      const asked = await tables.request({
        action: plan.value.action,
        by: record.by,
        reason: REASON,
        channel,
        approvalId,
      });
      if (!asked.ok) return { kind: 'table-refused', step: 'flush', refusal: asked.refusal };
      if ((await store.read())?.state !== 'running') {
        // Stopped at this very moment: nobody may approve it any more.
        await tables.withdraw(approvalId, record.by);
        return;
      }
      await emit({ kind: 'approval-asked', record: noted, approval: asked.value });
      return;
    },

    async startRun(record) {
      const planned = await planRun(record);
      if (!planned) return;
      if (!planned.ok) return { kind: 'start-refused', step: 'rescan', refusal: planned.refusal };
      const { runId } = planned.value;
      const { by, location } = record;
      // After a crash it may have been shown before.
      if ((await runs.location(runId))?.ts === undefined)
        await emit({ kind: 'run-planned', record, plan: planned.value });
      const shown = await runs.location(runId);
      if (!(await change(record.id, { set: { runId } }, ['running']))) return;
      const started = await ports.starts.start(runId, by, { location: shown ?? { channel: location.channel } });
      if (!started.ok) return { kind: 'start-refused', step: 'rescan', refusal: started.refusal };
      // A stop that came in between found no run to stop.
      if ((await store.read())?.state !== 'running') await runs.stop(by, { now: false });
      return;
    },
  };
}
