import type { Condition } from '../../state/expression.ts';
import { type DrivenRun, type DriverPorts, type DriverRules, readSnapshot, tellEnd } from '../engines/local/driver.ts';
import type { Halt } from '../engines/local/engine-events.ts';
import type { Answer } from '../model/run-control.ts';
import type { Person, RunSnapshot, RunState } from '../model/types.ts';
import { inState, type RunRecord } from '../store/run-store.ts';

/** What people and other copies of the bot ask of whoever drives a run, on its record. */
export const REQUESTS = ['stop', 'stopBy', 'pause', 'pace', 'paceId'];
const ANSWER_WITHIN_MS = 3_000;

/** A run that this process is about to drive: what is asked of it meanwhile is done before its first image. */
export interface Beginning {
  halt?: Halt;
  /** Resolves when it is driven, or will not be. */
  readonly over: Promise<void>;
}

export interface HaltingPorts extends DriverPorts {
  /** What this process drives, or is about to. */
  readonly hands: () => { readonly driven?: DrivenRun; readonly beginning?: Beginning };
  readonly openRecord: () => Promise<RunRecord | undefined>;
  readonly takeOver: (runId: string) => Promise<{ fence: number; record: RunRecord } | { holder: string }>;
  readonly snapshotOf: (record: RunRecord) => Promise<RunSnapshot>;
}

/** How people stop and pause a run, whoever drives it. */
export interface Halting {
  /** At once where this process drives, else through the record, else (nobody drives) on the record itself. */
  halt(by: Person, how: 'pause' | 'stop' | 'stop-now'): Promise<Answer<RunSnapshot>>;
  /** Nobody drives it: the state is written here, if the lease shows that nobody does; undefined where another has the lease. */
  settle(runId: string, state: RunState, from: RunState['kind']): Promise<Answer<RunSnapshot> | undefined>;
  /** Asks the copy that drives the run, through its record, and waits a little for it to answer. */
  askDriver(
    runId: string,
    set: Record<string, unknown>,
    done: (record: RunRecord) => boolean,
    only?: Condition,
  ): Promise<RunRecord | undefined>;
}

const isHalted = ({ kind }: RunState) => kind !== 'running' && kind !== 'interrupted';

export function createHalting(ports: HaltingPorts, rules: DriverRules): Halting {
  const { store, clock, lease, snapshotOf } = ports;

  const askDriver: Halting['askDriver'] = async (runId, set, done, only = inState('running', 'interrupted')) => {
    await store.change(runId, { set }, only);
    const until = clock.now() + ANSWER_WITHIN_MS;
    for (;;) {
      const record = await store.read(runId);
      if (!record || done(record) || clock.now() >= until) return record;
      await clock.sleep(rules.pollMs);
    }
  };

  const settle: Halting['settle'] = async (runId, state, from) => {
    const taken = await ports.takeOver(runId);
    if (!('fence' in taken)) return;
    const change = { set: { state, unannounced: true }, remove: REQUESTS };
    const only = { ...inState(from, 'interrupted'), equals: { fence: taken.fence } };
    const done = await store.change(runId, change, only);
    await lease.release();
    if (!done.record) return;
    const snapshot = await readSnapshot(done.record, store, rules, clock.now());
    if (done.ok) await tellEnd(snapshot, 0, ports);
    return { ok: true, value: snapshot };
  };

  const halt: Halting['halt'] = async (by, how) => {
    const { driven, beginning } = ports.hands();
    const setting: Halt =
      how === 'pause' ? { kind: 'pause', by } : { kind: 'stop', by: { kind: 'person', by }, now: how === 'stop-now' };
    if (driven) {
      driven.drive.halt(setting);
      return { ok: true, value: driven.drive.snapshot() };
    }
    if (beginning) {
      // A stop that was asked for stays one.
      if (beginning.halt?.kind !== 'stop' || setting.kind === 'stop') beginning.halt = setting;
      await Promise.race([beginning.over, clock.sleep(ANSWER_WITHIN_MS)]);
      if (ports.hands().beginning !== beginning) return halt(by, how);
    }
    const record = await ports.openRecord();
    if (!record) return { ok: false, refusal: { reason: 'no-run' } };
    if (beginning) return { ok: true, value: await snapshotOf(record) };
    return isHalted(record.state) ? haltAtRest(record, by, how) : haltElsewhere(record, by, how);
  };

  const requestOf = (by: Person, how: 'pause' | 'stop' | 'stop-now') =>
    how === 'pause' ? { pause: { by } } : { stop: how === 'stop-now' ? 'now' : true, stopBy: by };

  async function haltAtRest(
    record: RunRecord,
    by: Person,
    how: 'pause' | 'stop' | 'stop-now',
  ): Promise<Answer<RunSnapshot>> {
    const { runId, state } = record;
    if (how === 'pause' || state.kind === 'stopped')
      return { ok: false, refusal: { reason: 'not-running', run: await snapshotOf(record) } };
    const wanted: RunState =
      state.kind === 'planned' ? { kind: 'abandoned', by } : { kind: 'stopped', by: { kind: 'person', by } };
    const settled = await settle(runId, wanted, state.kind);
    if (settled) return settled;
    // Another copy has the right to the pipeline: it may be starting this very run.
    const isOver = (seen: RunRecord) => isHalted(seen.state) && seen.state.kind !== state.kind;
    const after = await askDriver(runId, requestOf(by, how), isOver, {});
    return { ok: true, value: await snapshotOf(after ?? record) };
  }

  async function haltElsewhere(
    record: RunRecord,
    by: Person,
    how: 'pause' | 'stop' | 'stop-now',
  ): Promise<Answer<RunSnapshot>> {
    const { runId, state } = record;
    const wanted: RunState =
      how === 'pause'
        ? { kind: 'paused', because: { kind: 'person', by } }
        : { kind: 'stopped', by: { kind: 'person', by } };
    const after = await askDriver(runId, requestOf(by, how), (seen) => seen.state.kind !== state.kind);
    if (after && isHalted(after.state)) return { ok: true, value: await snapshotOf(after) };
    const settled = await settle(runId, wanted, 'running');
    if (settled) return settled;
    // The request stands on the record: whoever drives next stops before its first invocation.
    const last = await store.read(runId);
    return last ? { ok: true, value: await snapshotOf(last) } : { ok: false, refusal: { reason: 'no-run' } };
  }

  return { halt, settle, askDriver };
}
