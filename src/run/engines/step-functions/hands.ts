import { createHash } from 'node:crypto';
import { isTransient } from '../../../lib/async/backoff.ts';
import type { Clock } from '../../../lib/clock.ts';
import { defined } from '../../../lib/defined.ts';
import { settle } from '../../../lib/result.ts';
import type { Fault } from '../../../pipeline/invoke/invocation.ts';
import { NotSentError } from '../../../pipeline/may-send.ts';
import type { Executions, MapRunFacts } from '../../../pipeline/state-machine/executions.ts';
import { ControlTableError } from '../../../state/table/control-table.ts';
import type { ManifestEntry } from '../../model/types.ts';
import { encodeCheckpoint, isDone } from '../../store/checkpoint.ts';
import { machineLane, seqOf } from '../../store/lanes.ts';
import type { MachineEntry } from '../../store/machine-entry.ts';
import { type ExecutionFacts, FencedError, type RunRecord, type RunStore } from '../../store/run-store.ts';
import type { Hands } from '../engine.ts';
import type { EngineEvent, OwnEffect } from '../reducer/engine-events.ts';
import type { ChildType } from './child-type.ts';
import type { InstalledMachine } from './install.ts';
import { type CutOff, type Ending, STOPPED_BY_BOT, type Throttle } from './remote.ts';

/** What is written for a new execution, and what it is started with. */
export interface NewExecution {
  readonly runId: string;
  readonly name: string;
  readonly lane: number;
  readonly maxConcurrency: number;
  /** The highest pace of the run, images a minute. */
  readonly ceilingPerMinute: number;
  /** At least the number of images. */
  readonly most: number;
  readonly childType: ChildType;
  readonly images: AsyncIterable<ManifestEntry>;
}

export interface StepFunctionsPorts {
  readonly clock: Clock;
  /** Names the pipeline: executions of several pipelines may share a state machine. */
  readonly pipeline: string;
  readonly store: Pick<RunStore, 'machineEntries' | 'changeAsDriver'>;
  readonly executions: Executions;
  /** The manifest of a run, from an image on. */
  readonly manifest: (runId: string, from: number) => AsyncIterable<ManifestEntry>;
  /** The state machine of this version of the bot. @throws FaultError where it is not installed */
  readonly machine: () => Promise<InstalledMachine>;
  /** Writes the items of an execution to S3. Returns its input. */
  readonly prepare: (execution: NewExecution) => Promise<object>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

/** Calls to DynamoDB in one look, each of up to 1 MB: for the window, and for images further back. */
const WINDOW_PAGES = 9;
const STRAGGLER_PAGES = 1;

/** DescribeExecution is eventually consistent: so long it may not know an execution that was started. */
const UNKNOWN_MS = 60_000;

type Effect<Kind extends OwnEffect['kind']> = Extract<OwnEffect, { kind: Kind }>;
type Step = Extract<EngineEvent, { kind: 'execution-failed' }>['step'];

/**
 * Performs the effects of a run on Step Functions. Nothing is started twice, whenever the process dies and whichever reply is
 * lost: the record names the execution before it is started, StartExecution starts a name once, and a redrive has a token of its
 * own. Only the process with the fence of the record changes what the record names.
 */
export function createHands(record: RunRecord, ports: StepFunctionsPorts): Hands {
  const { clock, store, executions } = ports;
  const { runId, fence } = record;
  let current = record.executionFacts;
  let mapRunArn: string | undefined;
  let waits: number | undefined;
  /** What this process did to it: DescribeExecution may answer for a while as if that had not happened. */
  let startedAt: number | undefined;
  let redrives = 0;

  async function name(facts: ExecutionFacts, more: Record<string, unknown> = {}): Promise<ExecutionFacts> {
    await store.changeAsDriver(runId, fence, { set: { execution: facts.name, executionFacts: facts, ...more } });
    current = facts;
    return facts;
  }

  async function* imagesFor({ below, progress }: Effect<'open-execution'>): AsyncGenerator<ManifestEntry> {
    for await (const entry of ports.manifest(runId, progress.lowWater)) {
      if (entry.index >= below) return;
      if (!isDone(progress, entry.index)) yield entry;
    }
  }

  /** Starts the execution that the record names. */
  async function start(named: ExecutionFacts, effect: Effect<'open-execution'>): Promise<void> {
    const { stateMachineArn, childType, digest } = await ports.machine();
    // Before the start, whose reply may be lost.
    const facts = named.definition === digest ? named : await name({ ...named, definition: digest });
    const { rows: maxConcurrency } = effect.throttle;
    const { ceilingPerMinute } = record;
    const lane = machineLane(facts.generation);
    const about = { runId, name: facts.name, lane, maxConcurrency, ceilingPerMinute, childType };
    const input = await ports.prepare({ ...about, most: record.plan.total, images: imagesFor(effect) });
    await executions.start(stateMachineArn, facts.name, input);
    startedAt = clock.now();
    await name({ ...facts, isStarted: true });
  }

  /** Whether it was started just now. */
  async function open(effect: Effect<'open-execution'>): Promise<boolean> {
    const { below, generation, ended } = effect;
    mapRunArn = undefined;
    redrives = 0;
    const facts = current && (await executions.describe(current.arn));
    if (current?.generation === generation) {
      if (!facts && !current.isStarted) {
        await start(current, effect);
        return false;
      }
      if (facts?.status === 'RUNNING' || (facts && ended === 'follow')) return false;
      if (facts?.isRedrivable && ended === 'redrive' && current.below >= below && (await isSafeToRedrive(current))) {
        // From here on images may be in progress again.
        await name({ ...current, isDrained: false });
        const done = await executions.redrive(current.arn, `${current.name}-${facts.redriveCount}`);
        if (done === 'redriven') {
          redrives = facts.redriveCount + 1;
          return false;
        }
        // The reply to an earlier attempt may have been lost.
        if ((await executions.describe(current.arn))?.status === 'RUNNING') return false;
      }
    } else if (current && facts?.status === 'RUNNING') await stop(current.arn);
    const { stateMachineArn, digest } = await ports.machine();
    const { number, next, arn } = await freeName(stateMachineArn);
    const { waitSeconds } = effect.throttle;
    const more = { checkpoint: encodeCheckpoint(effect.checkpoint), waitSeconds };
    const following = { name: next, arn, number, generation, below, isStarted: false, definition: digest };
    await start(await name(following, more), effect);
    waits = waitSeconds;
    return true;
  }

  /**
   * A redrive uses the definition of the start, and enters a STANDARD child that was stopped during the invocation at the
   * invocation, without the gate before it. A new execution begins every child at the gate.
   */
  async function isSafeToRedrive({ isDrained, definition }: ExecutionFacts): Promise<boolean> {
    const { childType, digest } = await ports.machine();
    return definition === digest && (isDrained === true || childType === 'EXPRESS');
  }

  /** The next name that no execution has: the record may be from before a restore of the control table. */
  async function freeName(stateMachineArn: string) {
    for (let number = (current?.number ?? 0) + 1; ; number++) {
      const next = nameOf(record, ports.pipeline, number);
      const arn = executions.arnOf(stateMachineArn, next);
      const other = await executions.describe(arn);
      if (!other) return { number, next, arn };
      if (other.status === 'RUNNING') await stop(arn);
    }
  }

  const stop = (arn: string) =>
    executions.stop(arn, { error: STOPPED_BY_BOT, cause: `The bot ended this execution of ${runId}.` });

  async function read(lane: number, from: number, pages: number): Promise<MachineEntry[]> {
    const found: MachineEntry[] = [];
    for await (const entry of store.machineEntries(runId, lane, seqOf(lane, from) - 1, pages)) found.push(entry);
    return found;
  }

  async function follow({ look, sweepFrom, generation }: Effect<'follow-execution'>): Promise<EngineEvent> {
    const lane = machineLane(generation);
    const { counts, ending } = await progressOf();
    const followed = { kind: 'execution-followed' as const, look };
    if (ending) {
      const found = await read(lane, sweepFrom, WINDOW_PAGES);
      const last = found.at(-1)?.index;
      const isAllRead = last === undefined || (await isLast(lane, last + 1));
      return { ...followed, found, stragglers: [], ending, isAllRead, now: clock.now() };
    }
    const found = await read(lane, look.from, WINDOW_PAGES);
    const stragglers = look.straggler === undefined ? [] : await read(lane, look.straggler, STRAGGLER_PAGES);
    return { ...followed, found, stragglers, isAllRead: false, now: clock.now(), ...defined({ counts }) };
  }

  async function isLast(lane: number, from: number): Promise<boolean> {
    for await (const _ of store.machineEntries(runId, lane, seqOf(lane, from) - 1, 1)) return false;
    return true;
  }

  /** The Map Run while it runs; then the execution, which ends a little later. */
  async function progressOf(): Promise<{ counts?: { running: number; pending: number }; ending?: Ending }> {
    if (!current) throw new Error('Defect: no execution is open.');
    mapRunArn ??= await executions.mapRunOf(current.arn);
    const mapRun = mapRunArn === undefined ? undefined : await executions.describeMapRun(mapRunArn);
    const counts = mapRun && { running: mapRun.running, pending: mapRun.pending };
    if (mapRun?.status === 'RUNNING') return defined({ counts });
    const facts = await executions.describe(current.arn);
    if (!facts) {
      const isYoung = startedAt !== undefined && clock.now() - startedAt < UNKNOWN_MS;
      return isYoung ? {} : { ending: { status: 'deleted' } };
    }
    if (facts.status === 'RUNNING' || facts.redriveCount < redrives) return defined({ counts });
    const { status, error, cause } = facts;
    return { ending: defined({ status, error, cause, cutOff: cutOffOf(current, facts.redriveCount, mapRun) }) };
  }

  async function cutOff(): Promise<CutOff | undefined> {
    const facts = current && (await executions.describe(current.arn));
    if (!current || !facts || facts.status === 'RUNNING') return;
    const arn = await executions.mapRunOf(current.arn);
    return cutOffOf(current, facts.redriveCount, arn === undefined ? undefined : await executions.describeMapRun(arn));
  }

  async function setThrottle({ rows, waitSeconds }: Throttle): Promise<void> {
    if (waitSeconds !== waits) await store.changeAsDriver(runId, fence, { set: { waitSeconds } });
    waits = waitSeconds;
    if (current) mapRunArn ??= await executions.mapRunOf(current.arn);
    if (mapRunArn === undefined) throw new NotBegunError();
    await executions.setMaxConcurrency(mapRunArn, rows);
  }

  type Report = (event: EngineEvent) => void;
  async function attempt(step: Step, report: Report, work: () => Promise<EngineEvent>): Promise<void> {
    const done = await settle(work);
    if (done.ok) return report(done.value);
    const error = done.refusal;
    const now = clock.now();
    if (error instanceof FencedError) return report({ kind: 'halted', halt: { kind: 'lease-lost' }, now });
    if (!(error instanceof NotBegunError)) ports.warn(`${runId}: Step Functions, ${step}`, error);
    const mayPass = error instanceof ControlTableError ? error.mayPass : mayPassOf(error);
    report({ kind: 'execution-failed', step, fault: ports.readFault(error), mayPass, now });
  }

  return {
    perform(effect, report) {
      switch (effect.kind) {
        case 'open-execution':
          return attempt('open', report, async () => {
            const isNew = await open(effect);
            return { kind: 'execution-opened', isNew, now: clock.now() };
          });
        case 'find-execution':
          return attempt('open', report, async () => {
            const facts = current && (await executions.describe(current.arn));
            const now = clock.now();
            return facts?.status === 'RUNNING'
              ? { kind: 'execution-opened', isNew: false, now }
              : { kind: 'no-execution', now };
          });
        case 'follow-execution':
          return attempt('follow', report, () => follow(effect));
        case 'set-throttle':
          return attempt('set-throttle', report, async () => {
            await setThrottle(effect.throttle);
            return { kind: 'throttle-set', now: clock.now() };
          });
        case 'stop-execution':
          return attempt('stop', report, async () => {
            if (current) await stop(current.arn);
            if (current && effect.isDrained) await name({ ...current, isDrained: true });
            return { kind: 'execution-stopped', now: clock.now() };
          });
        case 'invoke':
        case 'read-manifest':
          throw new Error(`Defect: Step Functions has no ${effect.kind}.`);
      }
    },
    async close() {},
    cutOff,
  };
}

/** Children that AWS is still stopping count as running. */
const cutOffOf = (
  { name, isDrained }: ExecutionFacts,
  redriveCount: number,
  mapRun: MapRunFacts | undefined,
): CutOff | undefined =>
  isDrained || !mapRun ? undefined : { attempt: `${name}-${redriveCount}`, images: mapRun.aborted + mapRun.running };

/** The Map Run does not exist yet. */
class NotBegunError extends Error {
  override readonly name = 'NotBegunError';
}

/** Whether a call may succeed a moment later: a network fault or a late renewal of the lease may, a missing permission or state machine may not. */
function mayPassOf(error: unknown): boolean {
  // The lease may be renewed yet. If it was lost, the drive ends by that.
  if (error instanceof NotBegunError || error instanceof NotSentError) return true;
  const cause = error instanceof Error ? error.cause : undefined;
  return isTransient(error) || isTransient(cause);
}

/** Unique for 90 days in the state machine, also where the control table was made anew or belongs to another pipeline. */
function nameOf({ runId, plan }: RunRecord, pipeline: string, number: number): string {
  const plannedBy = createHash('sha256').update(`${pipeline} ${plan.plannedAt}`).digest('hex').slice(0, 8);
  return `${runId}-${number}-${plannedBy}`;
}
