import { settle } from '../../lib/result.ts';
import { ControlTableError } from '../../state/table/control-table.ts';
import type { OutcomeRecord } from '../model/types.ts';
import type { Checkpoint } from '../store/checkpoint.ts';
import type { Drive, DriveEnd, Hands, LoopPorts } from './engine.ts';
import { advance } from './reducer/advance.ts';
import type { EngineEffect, EngineEvent, GrowthQuestion, Halt } from './reducer/engine-events.ts';
import type { LiveRun } from './reducer/live-run.ts';
import { inFlightOf, takeSnapshot } from './reducer/run-views.ts';

/**
 * Drives a run until every image has an outcome or something halts it. `advance` decides; this loop performs what it
 * asks for and reports back what came of it; `hands` performs what only one engine does. Takes `start` over.
 */
export function driveWith(hands: Hands, start: LiveRun, ports: LoopPorts): Drive {
  const { clock } = ports;
  const abandon = new AbortController();
  /** Writes and checks under way. The drive ends after them. */
  const pending = new Set<Promise<void>>();
  let run = start;
  /** When the next tick is due, and when the loop wakes for one. */
  let sleepUntil = 0;
  let sleepingUntil = 0;
  let wake = () => {};
  let isTickDue = false;
  let defect: Halt | undefined;
  /** The check of all rows, while it is under way. */
  let missing: AsyncIterator<readonly OutcomeRecord[]> | undefined;

  /** An error here is a defect. The run pauses, so that nobody takes it for a running one. */
  function guard(work: () => void): void {
    try {
      work();
    } catch (error) {
      ports.warn('the engine of the run failed', error);
      defect ??= { kind: 'fault', fault: ports.readFault(error) };
      abandon.abort();
      wake();
    }
  }

  function send(event: EngineEvent): void {
    const advanced = advance(run, event);
    run = advanced.run;
    for (const effect of advanced.effects) perform(effect);
  }

  /** Sends ticks for as long as each of them starts an image. */
  function tick(): void {
    do send({ kind: 'tick', now: clock.now(), holdsLease: ports.holdsLease() });
    while (run.phase === 'driving' && sleepUntil <= clock.now());
    if (sleepUntil < sleepingUntil) wake();
  }

  /**
   * Reports what happened. One tick follows for all reports of this turn of the event loop, which keeps timers and I/O
   * going.
   */
  function report(event: EngineEvent): void {
    if (defect) return;
    guard(() => send(event));
    if (isTickDue) return;
    isTickDue = true;
    setImmediate(() => {
      isTickDue = false;
      if (!defect) guard(tick);
    });
  }

  function perform(effect: EngineEffect): void {
    switch (effect.kind) {
      case 'append':
        return keep(append(effect.chunk));
      case 'save-checkpoint':
        return keep(saveCheckpoint(effect.checkpoint));
      case 'check-growth':
        return keep(checkGrowth(effect.question));
      case 'look-up-rows':
        return keep(lookUpRows(effect.records));
      case 'read-missing-rows':
        return keep(readMissingRows());
      case 'write-halt':
        return keep(writeHalt(effect.halt, effect.checkpoint));
      case 'emit':
        return ports.emit(effect.event);
      case 'abandon':
        return abandon.abort();
      case 'sleep':
        sleepUntil = effect.untilMs;
        return;
      default: {
        const work = hands.perform(effect, report, abandon.signal);
        if (work) keep(work);
      }
    }
  }

  function keep(work: Promise<void>): void {
    const kept = work.finally(() => pending.delete(kept));
    pending.add(kept);
  }

  async function append(chunk: Parameters<LoopPorts['append']>[0]): Promise<void> {
    const appended = await settle(() => ports.append(chunk));
    const now = clock.now();
    if (!appended.ok) {
      ports.warn('outcomes not written yet', appended.refusal);
      const mayPass = appended.refusal instanceof ControlTableError && appended.refusal.mayPass;
      return report({ kind: 'append-failed', fault: ports.readFault(appended.refusal), mayPass, now });
    }
    const { value } = appended;
    const records = value.ok ? value.records : value.found.records;
    report({ kind: 'outcomes-recorded', seq: chunk.seq, records, isOwn: value.ok, now });
  }

  async function saveCheckpoint(checkpoint: Checkpoint): Promise<void> {
    const saved = await settle(() => ports.saveCheckpoint(checkpoint));
    if (!saved.ok) ports.warn('checkpoint not saved; the journal has every outcome', saved.refusal);
    report({ kind: 'checkpoint-ended', now: clock.now() });
  }

  async function checkGrowth(question: GrowthQuestion): Promise<void> {
    const checked = await settle(() => ports.checkGrowth(question));
    const now = clock.now();
    if (checked.ok) return report({ kind: 'growth-checked', answer: checked.value, now });
    ports.warn('growth of the table not checked', checked.refusal);
    report({ kind: 'growth-check-failed', fault: ports.readFault(checked.refusal), now });
  }

  async function lookUpRows(records: readonly OutcomeRecord[]): Promise<void> {
    const found = await settle(() => ports.lookUpRows(records, abandon.signal));
    const now = clock.now();
    if (found.ok) return report({ kind: 'rows-looked-up', proofs: found.value, now });
    if (!abandon.signal.aborted) ports.warn('rows not looked up', found.refusal);
    report({ kind: 'row-lookup-failed', fault: ports.readFault(found.refusal), now });
  }

  async function readMissingRows(): Promise<void> {
    missing ??= ports.missingRows(abandon.signal)[Symbol.asyncIterator]();
    const iterator = missing;
    const read = await settle(() => iterator.next());
    const now = clock.now();
    if (read.ok)
      return report(
        read.value.done
          ? { kind: 'missing-rows-read', records: [], end: 'exhausted', now }
          : { kind: 'missing-rows-read', records: read.value.value, now },
      );
    missing = undefined;
    if (!abandon.signal.aborted) ports.warn('the rows of the run not checked', read.refusal);
    report({ kind: 'missing-rows-read', records: [], end: ports.readFault(read.refusal), now });
  }

  async function writeHalt(halt: Halt, checkpoint: Checkpoint): Promise<void> {
    const saved = await settle(() => ports.saveHalt(halt, checkpoint));
    if (!saved.ok) ports.warn('state not saved', saved.refusal);
    report({ kind: 'halt-write-ended', ok: saved.ok, now: clock.now() });
  }

  async function driveToEnd(): Promise<DriveEnd> {
    report({ kind: 'started', now: clock.now() });
    while (run.phase === 'driving' && !defect) {
      const waking = new AbortController();
      wake = () => waking.abort();
      sleepingUntil = sleepUntil;
      await clock.sleep(Math.max(0, sleepingUntil - clock.now()), waking.signal);
      if (!defect) guard(tick);
    }
    abandon.abort();
    while (pending.size > 0) await Promise.allSettled(pending);
    await settle(async () => hands.close());
    await settle(async () => missing?.return?.());
    run = advance(run, { kind: 'ended', now: clock.now() }).run;
    const noHalt = () => ports.readFault(new Error('The engine of the run ended without a halt.'));
    return { halt: run.halt ?? defect ?? { kind: 'fault', fault: noHalt() }, leftInFlight: inFlightOf(run) };
  }

  const ended = driveToEnd();
  return {
    run: () => run,
    halt: (halt) => report({ kind: 'halted', halt, now: clock.now() }),
    setPace: (paceSetting, by) => report({ kind: 'pace-set', paceSetting, by, now: clock.now() }),
    snapshot: () => takeSnapshot(run, { kind: 'running' }, clock.now()),
    ended,
  };
}
