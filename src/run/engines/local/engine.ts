import type { Fault, Invocation, Outcome, Reading } from '../../../pipeline/invoke/invocation.ts';
import type { ManifestEntry, OutcomeRecord, RunState } from '../../model/types.ts';
import { mayStart } from '../../rules/canary.ts';
import { growthDue, judgeGrowth, noteEntries, noteFailedLook, noteProbe } from '../../rules/growth.ts';
import { nextStartAt, noteOutcome, noteStart, noteThrottled, setPaceSetting } from '../../rules/pacer.ts';
import { isDone } from '../../store/checkpoint.ts';
import { judgeAttempt } from './attempt.ts';
import type { Drive, DriveEnd, EnginePorts, EngineRules, Halt } from './engine-ports.ts';
import {
  isComplete,
  type LiveRun,
  mayBeInFlight,
  noteEntriesCount,
  reviewWarnings,
  standingTrip,
  takeCall,
  takeCheckpoint,
  takeOutcome,
  takeSnapshot,
} from './live-run.ts';
import { createOutcomeWriter } from './outcome-writer.ts';

/**
 * A halt replaces one of lower rank: a person's stop is not lost behind a pause that drains, and a trip stays a trip. A lost
 * lease ends the waiting for what is in flight, but is no reason of its own where there was one.
 */
const RANK: Readonly<Record<Halt['kind'], number>> = {
  completed: 0,
  shutdown: 1,
  pause: 1,
  fault: 2,
  stop: 3,
  trip: 3,
  'lease-lost': 0,
};

/** Images put back at once before nothing new is taken from the manifest: keeps the memory of a run bounded. */
const WAITING_LIMIT = 1_000;
const TICK_MS = 250;
/** Failed writes of outcomes in a row before the run pauses. */
const TROUBLES_BORNE = 2;
const CHECKPOINT_MIN_MS = 250;

interface Job {
  readonly entry: ManifestEntry;
  notBefore: number;
}

/**
 * Drives a run until every image has an outcome or something halts it. At most one invocation of an image is in flight;
 * an image stops counting as in flight only when its outcome is on record, so that a crash can repeat no other.
 */
export function drive(run: LiveRun, rules: EngineRules, ports: EnginePorts): Drive {
  const { clock } = ports;
  const abandon = new AbortController();
  const waiting: Job[] = [];
  let halt: Halt | undefined;
  const state: RunState = { kind: 'running' };
  let wake: () => void = () => {};
  let silentSince: number | undefined;
  let silentInRow = 0;
  let repliesSinceBroken = 0;
  let looking: Promise<void> | undefined;
  let outcomesSinceCheckpoint = 0;
  let checkpointAt = clock.now();
  let checkpointing: Promise<void> | undefined;
  let announcing: Promise<void> = Promise.resolve();
  let ended = false;
  let changed = true;

  const snapshot = () => takeSnapshot(run, state, clock.now());
  const entries = ports.manifest(run.progress.lowWater)[Symbol.asyncIterator]();

  function stopDriving(next: Halt): void {
    if (ended) return;
    if (next.kind === 'lease-lost' || (next.kind === 'stop' && next.now)) abandon.abort();
    const first = halt === undefined;
    const outranked = halt !== undefined && (next.kind === 'lease-lost' || RANK[next.kind] <= RANK[halt.kind]);
    if (outranked) return wake();
    halt = next;
    run.draining = true;
    changed = true;
    wake();
    if (next.kind === 'lease-lost' || next.kind === 'completed') return;
    announcing = announcing
      .then(() => ports.halting(next, run))
      .catch((error) => ports.warn('state not written', error));
    if (first)
      announcing = announcing.then(() => {
        const by =
          next.kind === 'pause' ? next.by : next.kind === 'stop' && next.by.kind === 'person' ? next.by.by : undefined;
        ports.emit({ kind: 'draining', snapshot: snapshot(), why: next.kind, ...(by === undefined ? {} : { by }) });
      });
  }

  // --- outcomes -------------------------------------------------------------------------------------------------

  function settle(job: Job, startedAt: number, outcome: Outcome, requestId: string | undefined): void {
    const tries = run.tries.get(job.entry.index);
    writer.add({
      index: job.entry.index,
      key: job.entry.key,
      outcome,
      startedAt,
      durationMs: Math.round(clock.now() - startedAt),
      throttles: tries?.throttles ?? 0,
      ...(requestId === undefined ? {} : { requestId }),
    });
  }

  const writer = createOutcomeWriter({
    clock,
    append: ports.append,
    position: run,
    abandoned: abandon.signal,
    onRecord(records, own) {
      if (own) run.inFlight -= records.length;
      count(records);
      wake();
    },
    onError(error, times) {
      ports.warn('outcomes not written yet', error);
      if (times === TROUBLES_BORNE) stopDriving({ kind: 'fault', fault: ports.readFault(error) });
      wake();
    },
  });

  function count(records: readonly OutcomeRecord[]): void {
    const now = clock.now();
    for (const record of records) {
      const taken = takeOutcome(run, record, now);
      if (!taken.counted) continue;
      outcomesSinceCheckpoint++;
      changed = true;
      if (taken.firstOfKind && record.outcome.kind === 'failed')
        ports.emit({
          kind: 'first-failure',
          snapshot: snapshot(),
          failureType: taken.firstOfKind,
          key: record.key,
          message: record.outcome.message,
          ...(record.requestId === undefined ? {} : { requestId: record.requestId }),
        });
      if (taken.trip) stopDriving({ kind: 'trip', trip: taken.trip });
      else if (taken.canaryPassed !== undefined)
        ports.emit({
          kind: 'canary-passed',
          snapshot: snapshot(),
          failed: taken.canaryPassed,
          images: run.terms.canary?.images ?? 0,
        });
    }
    keepCheckpoint();
  }

  function keepCheckpoint(force = false): void {
    const now = clock.now();
    const due =
      outcomesSinceCheckpoint > 0 &&
      (now - checkpointAt >= rules.checkpointMs ||
        (outcomesSinceCheckpoint >= rules.checkpointOutcomes && now - checkpointAt >= CHECKPOINT_MIN_MS));
    if (checkpointing || !(due || force) || abandon.signal.aborted) return;
    outcomesSinceCheckpoint = 0;
    checkpointAt = now;
    checkpointing = ports
      .saveCheckpoint(takeCheckpoint(run, now))
      .catch((error) => ports.warn('checkpoint not written; the journal holds every outcome', error))
      .finally(() => {
        checkpointing = undefined;
      });
  }

  // --- one invocation -------------------------------------------------------------------------------------------

  function start(job: Job): void {
    const startedAt = clock.now();
    noteStart(run.pacer, startedAt);
    run.inFlight++;
    if (job.entry.index > run.startedThrough) run.startedThrough = job.entry.index;
    ports
      .invoke(job.entry.key, abandon.signal)
      .catch((error): Invocation => ({ reading: { kind: 'fault', fault: ports.readFault(error) } }))
      .then(({ reading, requestId }) => {
        if (!abandon.signal.aborted) read(job, startedAt, reading, requestId);
      })
      .catch((error) => stopDriving({ kind: 'fault', fault: ports.readFault(error) }))
      .finally(wake);
  }

  function putBack(job: Job, delayMs: number): void {
    run.inFlight--;
    waiting.push({ entry: job.entry, notBefore: clock.now() + delayMs });
    run.waiting = waiting.length;
    changed = true;
  }

  function read(job: Job, startedAt: number, reading: Reading, requestId: string | undefined): void {
    const now = clock.now();
    const { index, key } = job.entry;
    const tries = run.tries.get(index) ?? { throttles: 0, broken: 0 };
    if (reading.kind === 'outcome' || reading.kind === 'throttled') {
      silentSince = undefined;
      silentInRow = 0;
      repliesSinceBroken++;
      takeCall(run, reading.kind === 'throttled', now);
    }
    if (reading.kind === 'outcome') noteOutcome(run.pacer, now, now - startedAt);
    if (reading.kind === 'broken' || (reading.kind === 'fault' && reading.fault.reason === 'network')) {
      if (silentSince !== undefined && startedAt >= silentSince) silentInRow++;
      silentSince ??= now;
    }
    if (reading.kind === 'throttled') {
      noteThrottled(run.pacer, now);
      tries.throttles++;
      run.tries.set(index, tries);
    }
    if (reading.kind === 'broken') {
      if (tries.broken === 0) repliesSinceBroken = 0;
      tries.broken++;
      run.tries.set(index, tries);
      const { message } = reading;
      ports.emit({ kind: 'connection-broken', snapshot: snapshot(), key, attempt: tries.broken, message });
    }
    const line = { silentInRow, repliesSinceBroken };
    const verdict = judgeAttempt(reading, tries, line, rules.throttleLimit, ports.random);
    switch (verdict.kind) {
      case 'settle':
        return settle(job, startedAt, verdict.outcome, requestId);
      case 'again':
        return putBack(job, verdict.delayMs);
      case 'fault':
        if (reading.kind === 'broken') run.tries.delete(index);
        putBack(job, 0);
        return stopDriving({ kind: 'fault', fault: verdict.fault });
    }
  }

  // --- the loop -------------------------------------------------------------------------------------------------

  let upcoming: Job | undefined;
  let exhausted = false;
  async function nextJob(): Promise<Job | undefined> {
    const now = clock.now();
    const due = waiting.findIndex((job) => job.notBefore <= now);
    if (due >= 0) {
      const [job] = waiting.splice(due, 1);
      run.waiting = waiting.length;
      return job;
    }
    while (!upcoming && !exhausted) {
      const next = await entries.next();
      if (next.done) exhausted = true;
      else if (!isDone(run.progress, next.value.index)) upcoming = { entry: next.value, notBefore: 0 };
    }
    if (!upcoming || waiting.length >= WAITING_LIMIT) return;
    if (!mayStart(run.terms.canary, run.progress.lowWater, upcoming.entry.index)) return;
    const job = upcoming;
    upcoming = undefined;
    return job;
  }

  /** Sleeps until `ms` are over or something happened. */
  async function pause(ms: number): Promise<void> {
    const waking = new AbortController();
    wake = () => waking.abort();
    await clock.sleep(Math.max(0, Math.min(ms, TICK_MS)), waking.signal);
  }

  async function dispatch(): Promise<void> {
    let job: Job | undefined;
    while (!halt) {
      job ??= await nextJob();
      if (halt) break;
      const now = clock.now();
      if (!ports.holdsLease()) stopDriving({ kind: 'lease-lost' });
      else if (job) {
        const at =
          run.inFlight >= mayBeInFlight(run, now) || writer.troubled()
            ? Number.POSITIVE_INFINITY
            : nextStartAt(run.pacer, now);
        if (at > now) await pause(at - now);
        else {
          start(job);
          job = undefined;
        }
      } else if (run.inFlight === 0 && waiting.length === 0 && exhausted) {
        if (isComplete(run)) return stopDriving({ kind: 'completed' });
        const missing = run.terms.total - run.totals.processed - run.totals.rejected - run.totals.failed;
        const fault: Fault = {
          reason: 'manifest',
          message: `The manifest of ${run.terms.runId} ended with ${missing} images short of its ${run.terms.total}.`,
          fix: 'Look whether objects under CONTROL_BUCKET were removed; nothing was marked as done.',
        };
        stopDriving({ kind: 'fault', fault });
      } else await pause(TICK_MS);
    }
    if (job) waiting.unshift(job);
    run.waiting = waiting.length;
  }

  async function look(): Promise<void> {
    try {
      const seen = await ports.lookForGrowth(run);
      const now = clock.now();
      if (seen.kind === 'count') run.growth = noteEntries(run.growth, now, seen.entries);
      else run.growth = noteProbe(run.growth, now, seen.kind === 'probe' && seen.fresh);
      if (seen.kind !== 'nothing' && seen.entries !== undefined) noteEntriesCount(run, seen.entries, now);
      changed = true;
    } catch (error) {
      ports.warn('growth of the table not seen', error);
      run.growth = noteFailedLook(run.growth, clock.now());
      const fault = ports.readFault(error);
      if (fault.reason === 'credentials' || fault.reason === 'access-denied' || fault.reason === 'table-missing')
        stopDriving({ kind: 'fault', fault });
    }
  }

  function tick(): void {
    const now = clock.now();
    if (!halt) {
      if (growthDue(run.growth, run.rules.growth, now))
        looking ??= look().finally(() => {
          looking = undefined;
        });
      const verdict = judgeGrowth(run.growth, run.rules.growth, now);
      if (verdict.kind === 'trip') {
        const minutes = verdict.minutesWithoutGrowth;
        const known = run.entries === undefined ? {} : { entries: run.entries };
        stopDriving({ kind: 'trip', trip: { kind: 'no-growth', minutes, ...known } });
      }
      const { began, ended: over } = reviewWarnings(run, now);
      for (const warning of began) ports.emit({ kind: 'warning-began', snapshot: snapshot(), warning });
      for (const warning of over) ports.emit({ kind: 'warning-ended', snapshot: snapshot(), warning });
      keepCheckpoint();
    }
    if (changed) ports.emit({ kind: 'progress', snapshot: snapshot() });
    changed = false;
  }

  async function ticking(): Promise<void> {
    while (!ended) {
      tick();
      await clock.sleep(TICK_MS);
    }
  }

  async function drain(): Promise<void> {
    const patience = halt?.kind === 'shutdown' ? clock.now() + rules.shutdownDrainMs : Number.POSITIVE_INFINITY;
    while (run.inFlight > 0 && !abandon.signal.aborted && clock.now() < patience) await pause(TICK_MS);
    abandon.abort();
    await Promise.allSettled([writer.idle(), checkpointing, looking, announcing]);
  }

  async function whole(): Promise<DriveEnd> {
    void ticking();
    const trip = standingTrip(run);
    if (trip) stopDriving({ kind: 'trip', trip });
    try {
      await dispatch();
    } catch (error) {
      ports.warn('the loop of the run failed', error);
      stopDriving({ kind: 'fault', fault: ports.readFault(error) });
    }
    await drain();
    ended = true;
    run.restedAt = clock.now();
    await entries.return?.();
    return { halt: halt ?? { kind: 'completed' }, leftInFlight: run.inFlight };
  }

  return {
    halt: stopDriving,
    setPace(setting, by) {
      const from = run.setting;
      run.setting = setting;
      setPaceSetting(run.pacer, setting, clock.now());
      changed = true;
      wake();
      ports.emit({ kind: 'pace-changed', snapshot: snapshot(), by, from, to: setting });
    },
    snapshot,
    ended: whole(),
  };
}
