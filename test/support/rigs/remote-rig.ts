import type { Executions } from '../../../src/pipeline/state-machine/executions.ts';
import type { Drive } from '../../../src/run/engines/engine.ts';
import { driveWith } from '../../../src/run/engines/loop.ts';
import { noteCutOff } from '../../../src/run/engines/reducer/attempt.ts';
import {
  createLiveRun,
  type LiveRun,
  type RunRules,
  type RunTerms,
} from '../../../src/run/engines/reducer/live-run.ts';
import { createHands, type StepFunctionsPorts } from '../../../src/run/engines/step-functions/hands.ts';
import type { ManifestEntry, OutcomeRecord, RunEvent } from '../../../src/run/model/types.ts';
import type { Checkpoint } from '../../../src/run/store/checkpoint.ts';
import type { MachineEntry } from '../../../src/run/store/machine-entry.ts';
import { FencedError, type JournalChunk, type RunRecord } from '../../../src/run/store/run-store.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

/** Entries of one call to DynamoDB: 1 MB of them. */
const PAGE = 1_400;

export interface RemoteRigOptions {
  readonly images?: number;
  /** Images a minute that the simulated Map Run processes, whatever its concurrency. */
  readonly perMinute?: number;
  /** How long an image takes, ms. */
  readonly tookMs?: (index: number) => number;
  /** What the machine records; undefined: nothing, e.g. because a gate was closed. */
  readonly resultOf?: (index: number, generation: number) => MachineEntry['result'] | undefined;
  readonly terms?: Partial<RunTerms>;
  readonly rules?: Partial<RunRules>;
  readonly from?: { readonly checkpoint: Checkpoint; readonly fresh: boolean };
  readonly record?: Partial<RunRecord>;
  readonly clock?: FakeClock;
  readonly change?: (executions: Executions) => Executions;
  readonly world?: SimulatedMachine;
  /** Until when the state after a halt cannot be written, epoch ms. */
  readonly savesHaltAt?: () => number;
  /** The digest of the definition that is installed. */
  readonly digest?: string;
}

interface SimulatedExecution {
  readonly name: string;
  readonly lane: number;
  /** Its images, in order, and when the first of them began. */
  readonly images: readonly number[];
  readonly beganAt: number;
  /** No image began from here on, because the run's record does not allow it. */
  haltedAt?: number;
  stoppedAt?: number;
  /** With which StopExecution ended it; undefined: without one. */
  error?: string;
  redrives: number;
}

/** Executions that process their images at a fixed rate. */
export interface SimulatedMachine {
  readonly executions: Map<string, SimulatedExecution>;
  /** What executions recorded before they were redriven. */
  readonly recorded: SimulatedExecution[];
  /** When the entry of an image was recorded, by lane and index. */
  readonly calls: Map<string, number>;
  total(): number;
}

export const createSimulatedMachine = (): SimulatedMachine => {
  const calls = new Map<string, number>();
  return {
    executions: new Map(),
    recorded: [],
    calls,
    total: () => [...calls.values()].reduce((sum, count) => sum + count, 0),
  };
};

export interface RemoteRig {
  readonly clock: FakeClock;
  readonly run: LiveRun;
  readonly drive: Drive;
  readonly events: RunEvent[];
  readonly warnings: string[];
  readonly journal: JournalChunk[];
  readonly checkpoints: Checkpoint[];
  readonly world: SimulatedMachine;
  readonly record: () => RunRecord;
  /** Another copy has taken the run over. */
  fenceOff(): void;
  play(ms?: number): Promise<void>;
}

const processed: MachineEntry['result'] = { kind: 'outcome', outcome: { kind: 'processed', entriesStored: 3 } };

/** A run on Step Functions, on a fake clock, with a machine that is simulated by arithmetic: no image takes memory. */
export async function startRemoteRig(options: RemoteRigOptions = {}): Promise<RemoteRig> {
  const clock = options.clock ?? createFakeClock();
  const world = options.world ?? createSimulatedMachine();
  const images = options.images ?? 200;
  const perMinute = options.perMinute ?? 6_000;
  const tookMs = options.tookMs ?? ((index) => 2_000 + ((index * 7_919) % 8_000));
  const resultOf = options.resultOf ?? (() => processed);
  const terms: RunTerms = {
    runId: 'r-0001',
    total: images,
    startedBy: 'U1',
    startedAt: clock.now(),
    paceSetting: { kind: 'fixed', perMinute: 6_000 },
    ceilingPerMinute: 60_000,
    maxInFlight: 5_000,
    entriesAtStart: 0,
    growthKind: 'counted',
    engine: 'step-functions',
    ...options.terms,
  };
  const rules: RunRules = {
    breaker: { consecutive: 10, window: 20, percent: 50 },
    growth: { checkImages: 50, warnMs: 300_000, tripMs: 600_000 },
    warnings: { imagesPerMinute: 10, failurePercent: 10, throttlePercent: 20, withoutGrowthMs: 300_000 },
    throttleLimit: 8,
    checkpointOutcomes: 10,
    checkpointMs: 5_000,
    rowsWaitMs: 10_000,
    shutdownDrainMs: 8_000,
    ...options.rules,
  };
  let record: RunRecord = {
    runId: terms.runId,
    state: { kind: 'running' },
    plan: {
      runId: terms.runId,
      selection: {},
      total: images,
      totalBytes: images,
      leftOut: 0,
      paceSetting: terms.paceSetting,
      engine: 'step-functions',
      ceilingPerMinute: terms.ceilingPerMinute,
      paceBecause: [],
      expectedPerMinute: 1,
      expectedMs: 1,
      forecastRestsOn: [],
      plannedBy: 'U1',
      plannedAt: 1,
    },
    maxInFlight: terms.maxInFlight,
    ceilingPerMinute: terms.ceilingPerMinute,
    paceSetting: terms.paceSetting,
    fence: 1,
    ...options.record,
  };
  let isFenced = false;
  const note = (call: string) => world.calls.set(call, (world.calls.get(call) ?? 0) + 1);
  const found = (arn: string) => world.executions.get(arn.slice(arn.lastIndexOf(':') + 1));
  const startOf = (position: number) => (position * 60_000) / perMinute;
  const gateOf = ({ haltedAt, stoppedAt }: SimulatedExecution) =>
    Math.min(haltedAt ?? Number.POSITIVE_INFINITY, stoppedAt ?? Number.POSITIVE_INFINITY);
  /** When an image of an execution is recorded; undefined: it had not begun when it was stopped, or was cut off. */
  function endOf(execution: SimulatedExecution, position: number): number | undefined {
    const index = execution.images[position];
    if (index === undefined) return;
    const began = execution.beganAt + startOf(position);
    if (began >= gateOf(execution)) return;
    const end = began + tookMs(index);
    return end > (execution.stoppedAt ?? Number.POSITIVE_INFINITY) ? undefined : end;
  }
  /** When the last image that began before the halt is recorded. */
  const lastEndOf = (execution: SimulatedExecution): number =>
    execution.images.reduce((last, _, at) => Math.max(last, endOf(execution, at) ?? 0), execution.haltedAt ?? 0);
  function countsOf(execution: SimulatedExecution) {
    const total = execution.images.length;
    const until = Math.min(clock.now(), gateOf(execution));
    const begun = Math.min(total, Math.max(0, Math.floor(((until - execution.beganAt) * perMinute) / 60_000) + 1));
    let running = 0;
    for (let at = Math.max(0, begun - 12_000); at < begun; at++)
      if ((endOf(execution, at) ?? 0) > clock.now()) running++;
    if (execution.stoppedAt !== undefined) return { pending: total - begun, running: 0, ended: begun };
    // In the place of those that ended, a row waits 10 s and fails, because the gate is closed; then the next one does.
    const { haltedAt } = execution;
    if (haltedAt === undefined || running > 0 || begun === total)
      return { pending: total - begun, running, ended: begun - running };
    const failed = Math.min(total - begun, Math.floor(Math.max(0, clock.now() - lastEndOf(execution)) / 10_000));
    const halted = begun + failed < total ? 1 : 0;
    return { pending: total - begun - failed - halted, running: halted, ended: begun + failed };
  }
  /** Images that had begun when the execution was stopped, and were not recorded. */
  const abortedOf = (execution: SimulatedExecution): number =>
    execution.images.filter(
      (_, at) => execution.beganAt + startOf(at) < gateOf(execution) && endOf(execution, at) === undefined,
    ).length;
  const statusOf = (execution: SimulatedExecution) => {
    if (execution.stoppedAt !== undefined) return 'ABORTED' as const;
    const { pending, running } = countsOf(execution);
    return pending + running === 0 ? ('SUCCEEDED' as const) : ('RUNNING' as const);
  };
  const simulated: Executions = {
    arnOf: (machine, name) => `${machine}:${name}`,
    async start(_machine, name, input) {
      note('StartExecution');
      if (world.executions.has(name)) return 'exists';
      const { images: own, lane } = prepared.get(input) ?? { images: [], lane: 0 };
      world.executions.set(name, { name, lane, images: own, beganAt: clock.now(), redrives: 0 });
      return 'started';
    },
    async describe(arn) {
      note('DescribeExecution');
      const execution = found(arn);
      if (!execution) return;
      const status = statusOf(execution);
      const { redrives: redriveCount, error } = execution;
      return { status, isRedrivable: status === 'ABORTED', redriveCount, ...(error !== undefined && { error }) };
    },
    async stop(arn, { error }) {
      note('StopExecution');
      const execution = found(arn);
      if (execution && statusOf(execution) === 'RUNNING') Object.assign(execution, { stoppedAt: clock.now(), error });
    },
    async redrive(arn) {
      note('RedriveExecution');
      const execution = found(arn);
      if (!execution || execution.stoppedAt === undefined) return 'not-redrivable';
      const left = execution.images.filter((_, at) => (endOf(execution, at) ?? Number.POSITIVE_INFINITY) > clock.now());
      world.recorded.push({ ...execution, images: execution.images.filter((index) => !left.includes(index)) });
      const { name, lane, redrives } = execution;
      world.executions.set(name, { name, lane, images: left, beganAt: clock.now(), redrives: redrives + 1 });
      return 'redriven';
    },
    async mapRunOf(arn) {
      note('ListMapRuns');
      return arn;
    },
    async describeMapRun(arn) {
      note('DescribeMapRun');
      const execution = found(arn);
      if (!execution) return;
      const aborted = execution.stoppedAt === undefined ? 0 : abortedOf(execution);
      return { status: statusOf(execution), maxConcurrency: 1, aborted, ...countsOf(execution) };
    },
    async setMaxConcurrency() {
      note('UpdateMapRun');
    },
  };
  const prepared = new Map<object, { readonly images: readonly number[]; readonly lane: number }>();
  const journal: JournalChunk[] = [];
  async function* machineEntries(lane: number, afterSeq: number, pages: number): AsyncGenerator<MachineEntry> {
    const from = afterSeq - lane * 100_000_000;
    const mine = [...world.recorded, ...world.executions.values()].filter((execution) => execution.lane === lane);
    note('Query');
    let left = PAGE * pages;
    let onPage = 0;
    const ranges = mine.map((execution) => ({ execution, at: lowerBound(execution.images, from) }));
    for (;;) {
      const next = ranges
        .filter(({ execution, at }) => at < execution.images.length)
        .sort((a, b) => (a.execution.images[a.at] ?? 0) - (b.execution.images[b.at] ?? 0))[0];
      if (!next || left === 0) return;
      const index = next.execution.images[next.at] ?? 0;
      const endedAt = endOf(next.execution, next.at);
      const begun = next.execution.beganAt + startOf(next.at);
      next.at++;
      if (begun > clock.now()) {
        next.at = next.execution.images.length;
        continue;
      }
      const result = resultOf(index, lane / 2);
      if (endedAt === undefined || endedAt > clock.now() || !result) continue;
      left--;
      onPage++;
      if (onPage > PAGE) {
        note('Query');
        onPage = 1;
      }
      const startedAt = endedAt - tookMs(index);
      const key = `image ${index}.png`;
      const outcome: OutcomeRecord | undefined =
        result.kind === 'outcome'
          ? { index, key, outcome: result.outcome, startedAt, durationMs: endedAt - startedAt, throttles: 0 }
          : undefined;
      yield {
        seq: lane * 100_000_000 + index + 1,
        writer: 'sfn',
        index,
        key,
        startedAt,
        endedAt,
        result,
        ...(outcome && { record: outcome }),
      };
    }
  }
  const warnings: string[] = [];
  const ports: StepFunctionsPorts = {
    clock,
    pipeline: 'ocr',
    executions: options.change?.(simulated) ?? simulated,
    machine: async () => ({
      stateMachineArn: 'arn:aws:states:us-east-1:1:stateMachine:bot',
      childType: 'STANDARD',
      digest: options.digest ?? 'first',
    }),
    async *manifest(_runId, from): AsyncGenerator<ManifestEntry> {
      for (let index = from; index < images; index++) yield { index, key: `image ${index}.png`, size: 1 };
    },
    async prepare({ images: own, lane }) {
      const indices: number[] = [];
      for await (const { index } of own) indices.push(index);
      const input = {};
      prepared.set(input, { images: indices, lane });
      return input;
    },
    store: {
      machineEntries: (_runId, lane, afterSeq, pages = 1) => machineEntries(lane, afterSeq, pages),
      async changeAsDriver(runId, fence, { set }) {
        if (isFenced) throw new FencedError(runId, fence);
        record = { ...record, ...set };
        return record;
      },
    },
    readFault: (error) => ({ reason: 'network', message: String(error), fix: 'look' }),
    warn: (message, cause) => void warnings.push(`${message}: ${String(cause)}`),
  };
  const events: RunEvent[] = [];
  const checkpoints: Checkpoint[] = [];
  let ended = false;
  const hands = createHands(record, ports);
  const live = createLiveRun(terms, rules, clock.now(), options.from);
  const start = options.from?.fresh ? noteCutOff(live, await hands.cutOff?.()) : live;
  const drive: Drive = driveWith(hands, start, {
    clock,
    async append(chunk) {
      journal.push({ ...chunk, writer: 'me' });
      return { ok: true, records: chunk.records };
    },
    async saveCheckpoint(checkpoint) {
      checkpoints.push(structuredClone(checkpoint));
    },
    checkGrowth: async () => ({ kind: 'count', entries: drive.run().totals.entriesStored }),
    lookUpRows: async (records) => records.map(() => 'found'),
    async *missingRows() {},
    async saveHalt() {
      if (clock.now() < (options.savesHaltAt?.() ?? 0)) throw new Error('the control table refuses writes');
      for (const execution of world.executions.values()) execution.haltedAt ??= clock.now();
    },
    holdsLease: () => !isFenced,
    readFault: ports.readFault,
    emit: (event) => void events.push(event),
    warn: ports.warn,
  });
  void drive.ended.then(() => {
    ended = true;
  });
  return {
    clock,
    get run() {
      return drive.run();
    },
    drive,
    events,
    warnings,
    journal,
    checkpoints,
    world,
    record: () => record,
    fenceOff() {
      isFenced = true;
    },
    async play(ms = 3_600_000) {
      const until = clock.now() + ms;
      while (!ended && clock.now() < until) await clock.advance(Math.min(500, until - clock.now()));
    },
  };
}

/** The position of the first number that is not below `value`. */
function lowerBound(sorted: readonly number[], value: number): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
