import { type Result, refuse as refuseWith, succeed } from '../../../src/lib/result.ts';
import type { Refusal, RunControl, RunLocation, RunPlan } from '../../../src/run/model/run-control.ts';
import type { PaceSetting, RunEvent, RunSnapshot, RunState } from '../../../src/run/model/types.ts';

/** A run for tests, with some changes. */
export function runSnapshot(change: Partial<RunSnapshot> = {}): RunSnapshot {
  return {
    runId: 'r-0142',
    state: { kind: 'running' },
    total: 1_398,
    totals: {
      processed: 380,
      rejected: 8,
      failed: 24,
      noRows: 0,
      failedByType: { TEXTRACT_ERROR: 20, TIMEOUT_ERROR: 4 },
      throttles: 3,
      calls: 427,
      entriesStored: 1_140,
      costUsd: 1.236,
      invokeMs: 1_900_000,
    },
    inFlight: 6,
    draining: false,
    waiting: 0,
    pacePerMinute: 60,
    ceilingPerMinute: 160,
    paceSetting: { kind: 'fixed', perMinute: 60 },
    imagesPerMinute: 31.4,
    growth: { kind: 'counted', entriesAtStart: 96, entries: 1_236, perMinute: 92 },
    topFailure: { failureType: 'TEXTRACT_ERROR', message: 'Textract could not read the document', count: 20 },
    lastFailure: {
      failureType: 'TEXTRACT_ERROR',
      message: 'Textract could not read the document',
      key: 'timesheets/2025/09/Nik Coultas.png',
    },
    warnings: [],
    startedBy: 'U0OPERATOR',
    startedAt: Date.UTC(2026, 0, 5, 9),
    activeMs: 13 * 60_000,
    etaMs: 32 * 60_000,
    ...change,
  };
}

export function runPlan(change: Partial<RunPlan> = {}): RunPlan {
  return {
    runId: 'r-0142',
    selection: {},
    total: 1_398,
    totalBytes: 312_000_000,
    leftOut: 12,
    paceSetting: { kind: 'fixed', perMinute: 60 },
    ceilingPerMinute: 160,
    paceBecause: ['Nova Lite: 200 requests a minute × 80 % = 160'],
    expectedPerMinute: 60,
    expectedMs: 24 * 60_000,
    expectedCostUsd: 4.19,
    forecastRestsOn: [
      'Pace: 60 images a minute (your setting).',
      '5 s per image (SECONDS_PER_IMAGE; no run has been measured yet).',
    ],
    entries: 4_187,
    plannedBy: 'U0OPERATOR',
    plannedAt: Date.UTC(2026, 0, 5, 9),
    ...change,
  };
}

export interface ScriptedRunControl extends RunControl {
  /** The calls in order, with the person who made each. */
  readonly calls: readonly string[];
  /** Changes the run and emits `progress`. */
  progress(change: Partial<RunSnapshot>): void;
  /** Changes the state of the run and emits it. Resolves when every listener has dealt with it. */
  becomes(state: RunState, change?: Partial<RunSnapshot>): Promise<void>;
  emit(event: RunEvent): Promise<void>;
  /** Makes the next plan a refusal. */
  refuseNextPlan(refusal: Refusal): void;
  failNext(method: 'current' | 'pause', error: Error): void;
}

/** RunControl in memory, without a pipeline: the test decides what happens to the run. */
export function createScriptedRunControl(options: { firstRun?: RunSnapshot } = {}): ScriptedRunControl {
  const calls: string[] = [];
  const plans = new Map<string, RunPlan>();
  const closedPlans = new Map<string, string>();
  const locations = new Map<string, RunLocation>();
  const listeners = new Set<(event: RunEvent) => void | Promise<void>>();
  let run = options.firstRun;
  let next = 142;
  let ends = 0;
  let refusal: Refusal | undefined;
  let failing: { method: string; error: Error } | undefined;

  const refuse = (why: Refusal): Result<never, Refusal> => refuseWith(why);
  const isOpen = () => run !== undefined && run.state.kind !== 'completed' && run.state.kind !== 'abandoned';
  const maybeFail = (method: string) => {
    if (failing?.method !== method) return;
    const { error } = failing;
    failing = undefined;
    throw error;
  };
  const emit = async (event: RunEvent) => {
    await Promise.all([...listeners].map((listener) => listener(event)));
  };
  const halt = (state: RunState): Result<RunSnapshot, Refusal> => {
    if (!run) return refuse({ reason: 'no-run' });
    if (run.state.kind !== 'running') return refuse({ reason: 'not-running', run });
    run = { ...run, draining: true };
    const draining = run;
    queueMicrotask(() => void control.becomes(state, { draining: false, inFlight: 0 }));
    return succeed(draining);
  };

  const control: ScriptedRunControl = {
    calls,
    async plan({ selection, paceSetting, by, location }, onProgress) {
      onProgress?.(1);
      calls.push(`plan by ${by}`);
      if (refusal) {
        const why = refusal;
        refusal = undefined;
        return refuse(why);
      }
      if (run?.state.kind === 'running') return refuse({ reason: 'run-active', run });
      if (paceSetting.kind === 'fixed' && paceSetting.perMinute > 160)
        return refuse({ reason: 'pace-over-ceiling', asked: paceSetting.perMinute, ceiling: 160, because: [] });
      const runId = `r-0${next++}`;
      const seed = selection.sample === undefined ? {} : { seed: selection.seed ?? 7 };
      const plan = runPlan({
        runId,
        selection: { ...selection, ...seed },
        total: Math.min(selection.limit ?? 1_398, selection.sample ?? 1_398),
        paceSetting,
        plannedBy: by,
      });
      plans.set(runId, plan);
      locations.set(runId, location);
      return succeed(isOpen() && run ? { ...plan, openRun: run } : plan);
    },
    forecast: async () => succeed({ images: 1_398, expectedPerMinute: 60, expectedMs: 1_398_000, restsOn: [] }),
    async readPlan(runId) {
      const plan = plans.get(runId);
      return plan && isOpen() && run ? { ...plan, openRun: run } : plan;
    },
    async cancelPlan(runId, by) {
      calls.push(`cancel ${runId} by ${by}`);
      if (!plans.delete(runId)) {
        const state = closedPlans.get(runId);
        return refuse({ reason: 'plan-gone', runId, ...(state === undefined ? {} : { state }) });
      }
      closedPlans.set(runId, 'abandoned');
      return succeed(undefined);
    },
    async start(runId, by, { location, abandonOpen, unattended }) {
      calls.push(`start ${runId} by ${by}${abandonOpen ? ', abandoning' : ''}${unattended ? ', unattended' : ''}`);
      const plan = plans.get(runId);
      if (!plan) {
        const state = closedPlans.get(runId);
        return refuse({ reason: 'plan-gone', runId, ...(state === undefined ? {} : { state }) });
      }
      if (run && isOpen()) {
        if (run.state.kind === 'running') return refuse({ reason: 'run-active', run });
        if (!abandonOpen) return refuse({ reason: 'run-open', run });
        await control.becomes({ kind: 'abandoned', by });
      }
      plans.delete(runId);
      closedPlans.set(runId, 'running');
      locations.set(runId, location);
      const none = { processed: 0, rejected: 0, failed: 0, noRows: 0, failedByType: {}, throttles: 0, calls: 0 };
      const {
        topFailure: _top,
        lastFailure: _last,
        ...fresh
      } = runSnapshot({ runId, total: plan.total, startedBy: by });
      run = { ...fresh, totals: { ...none, entriesStored: 0, costUsd: 0, invokeMs: 0 }, paceSetting: plan.paceSetting };
      const snapshot = run;
      void emit({ kind: 'started', snapshot, hasLiveMessage: location.ts !== undefined });
      return succeed(snapshot);
    },
    async current() {
      maybeFail('current');
      return run;
    },
    async read(runId) {
      return run?.runId === runId ? run : undefined;
    },
    async pause(by) {
      calls.push(`pause by ${by}`);
      maybeFail('pause');
      return halt({ kind: 'paused', because: { kind: 'person', by } });
    },
    async resume(by) {
      calls.push(`resume by ${by}`);
      if (!run || !isOpen()) return refuse({ reason: 'nothing-to-resume', ...(run ? { run } : {}) });
      if (run.state.kind === 'running') return refuse({ reason: 'run-active', run });
      const from = run.state.kind;
      run = { ...run, state: { kind: 'running' } };
      const snapshot = run;
      void emit({ kind: 'resumed', snapshot, by, rerunning: 0, repeating: 0, from });
      return succeed(snapshot);
    },
    knownHalts: () => ({ before: Promise.resolve({ here: 0, counted: 0, found: { stops: [] } }) }),
    async stop(by, { now }) {
      calls.push(`stop${now ? ' now' : ''} by ${by}`);
      if (run && ['paused', 'tripped', 'interrupted'].includes(run.state.kind)) {
        await control.becomes({ kind: 'stopped', by: { kind: 'person', by } });
        return succeed({ ...run, wasAtRest: true });
      }
      return halt({ kind: 'stopped', by: { kind: 'person', by } });
    },
    async setPace(by, setting) {
      calls.push(
        `pace ${typeof setting === 'string' ? setting : setting.kind === 'auto' ? 'auto' : setting.perMinute} by ${by}`,
      );
      if (!run || !isOpen()) return refuse({ reason: 'no-run' });
      const from = run.paceSetting;
      const step = setting === 'faster' ? 1.25 : 0.75;
      const to: PaceSetting =
        typeof setting === 'string' ? { kind: 'fixed', perMinute: Math.round(run.pacePerMinute * step) } : setting;
      if (to.kind === 'fixed' && to.perMinute > run.ceilingPerMinute)
        return refuse({ reason: 'pace-over-ceiling', asked: to.perMinute, ceiling: run.ceilingPerMinute, because: [] });
      run = { ...run, paceSetting: to, ...(to.kind === 'fixed' ? { pacePerMinute: to.perMinute } : {}) };
      const snapshot = run;
      if (snapshot.state.kind === 'running') void emit({ kind: 'pace-changed', snapshot, by, from, to });
      return succeed(snapshot);
    },
    async setLocation(runId, location) {
      locations.set(runId, location);
    },
    async location(runId) {
      return locations.get(runId);
    },
    watch(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    progress(change) {
      if (!run) throw new Error('No run to progress.');
      run = { ...run, ...change };
      void emit({ kind: 'progress', snapshot: run });
    },
    async becomes(state, change = {}) {
      if (!run || state.kind === 'planned' || state.kind === 'running') throw new Error('No such end of a run.');
      run = { ...run, ...change, state };
      ends += 1;
      await emit({ kind: state.kind, snapshot: run, drive: `d-${ends}`, leftInFlight: 0 });
    },
    emit,
    refuseNextPlan(why) {
      refusal = why;
    },
    failNext(method, error) {
      failing = { method, error };
    },
  };
  return control;
}
