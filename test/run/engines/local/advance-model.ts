import { expect } from 'vitest';
import type { InvocationResult } from '../../../../src/pipeline/invoke/invocation.ts';
import { advance } from '../../../../src/run/engines/reducer/advance.ts';
import type { EngineEffect, EngineEvent } from '../../../../src/run/engines/reducer/engine-events.ts';
import { createLiveRun, type LiveRun } from '../../../../src/run/engines/reducer/live-run.ts';
import type { Canary, OutcomeRecord } from '../../../../src/run/model/types.ts';
import { noRowsOf } from '../../../../src/run/proof/row-proof.ts';
import type { RowProof } from '../../../../src/run/rules/row-watch.ts';
import { doneOf } from '../../../../src/run/rules/totals.ts';
import { isDone } from '../../../../src/run/store/checkpoint.ts';

export const readings = {
  processed: { kind: 'outcome', outcome: { kind: 'processed', entriesStored: 3, resourceName: 'Nik Coultas' } },
  rejected: { kind: 'outcome', outcome: { kind: 'rejected', reason: 'not posted' } },
  failed: { kind: 'outcome', outcome: { kind: 'failed', failureType: 'OCR_ERROR', message: 'no sheet' } },
  throttled: { kind: 'throttled', source: 'function', message: '429' },
  broken: { kind: 'broken', message: 'socket hang up' },
  credentials: { kind: 'fault', fault: { reason: 'credentials', message: 'expired', fix: 'renew' } },
  network: { kind: 'fault', fault: { reason: 'network', message: 'no route', fix: 'look' } },
} satisfies Record<string, InvocationResult>;

type WithoutNow<T> = T extends unknown ? Omit<T, 'now'> : never;

/**
 * Plays the part of the engine's loop for `advance`, without time or network: a test decides when something is
 * answered.
 */
export interface Model {
  run(): LiveRun;
  now(): number;
  events(): readonly EngineEvent[];
  effects(): readonly EngineEffect[];
  send(event: WithoutNow<EngineEvent>): readonly EngineEffect[];
  tick(holdsLease?: boolean): readonly EngineEffect[];
  /** Sends ticks as the loop does after each event: as long as a tick is due at once. */
  tickUntilIdle(): void;
  pass(ms: number): void;
  readManifest(): readonly EngineEffect[];
  /** Reads the manifest and starts every image that may be in flight. */
  startAll(): void;
  reply(index: number, result: InvocationResult, random?: number): readonly EngineEffect[];
  replyToAny(pick: number, result: InvocationResult, random: number): void;
  /** The request for one of the images in flight did not leave. */
  doesNotSend(pick: number): void;
  /** Ends the append in progress. `taken`: another process wrote a chunk under its number. */
  endAppend(how: string): void;
  endCheckpoint(): void;
  endHaltWrite(ok?: boolean): void;
  endGrowthCheck(answer: 'grew' | 'same' | 'fails'): void;
  /** Ends the lookup in progress. */
  endLookup(proof: RowProof | 'fails'): void;
  /** Ends the read of missing rows in progress: one more image without rows, no more, or it fails. */
  endRowCheck(how: 'one' | 'none' | 'fails'): void;
  toggleLease(): void;
  unsaved(count: number): readonly OutcomeRecord[];
  invocations(): number;
  recordedImages(): number;
  /** Images in flight were given up before the run drained: without the lease, or by a stop `now`. */
  gaveUp(): boolean;
  /** Checks that every image is in exactly one place, and that the totals are those of the images on record. */
  checkInvariants(): void;
  /** Answers everything well until the drive has ended. */
  playToEnd(): void;
}

const START = 1_000_000;
const MAX_IN_FLIGHT = 5;

export function modelRun(options: { images: number; canary?: Canary }): Model {
  const { images, canary } = options;
  let now = START;
  let holdsLease = true;
  let run = createLiveRun(
    {
      runId: 'r-0001',
      total: images,
      startedBy: 'U1',
      startedAt: now,
      paceSetting: { kind: 'fixed', perMinute: 600 },
      ceilingPerMinute: 6_000,
      maxInFlight: MAX_IN_FLIGHT,
      entriesAtStart: 0,
      growthKind: 'counted',
      ...(canary && { canary }),
    },
    {
      breaker: { consecutive: 10, window: 20, percent: 50 },
      growth: { checkImages: 5, warnMs: 30_000, tripMs: 60_000 },
      warnings: { imagesPerMinute: 10, failurePercent: 10, throttlePercent: 20, withoutGrowthMs: 30_000 },
      throttleLimit: 4,
      checkpointOutcomes: 3,
      checkpointMs: 1_000,
      rowsWaitMs: 10_000,
      shutdownDrainMs: 8_000,
    },
    now,
  );
  const events: EngineEvent[] = [];
  const effects: EngineEffect[] = [];
  /** Images that were invoked and have no reply. */
  const called = new Set<number>();
  const recorded = new Set<number>();
  const processed = new Map<number, OutcomeRecord>();
  let invocations = 0;
  let gaveUp = false;
  let readAt = 0;
  let entries = 0;
  let sleepUntil = 0;
  const inProgress: { append?: Extract<EngineEffect, { kind: 'append' }>['chunk'] } & Record<
    'manifest' | 'checkpoint' | 'growth' | 'halt' | 'rows',
    boolean
  > = { manifest: false, checkpoint: false, growth: false, halt: false, rows: false };
  let lookup: readonly OutcomeRecord[] | undefined;
  const begin = (what: keyof Omit<typeof inProgress, 'append'>) => {
    expect(inProgress[what], `a second ${what} at once`).toBe(false);
    inProgress[what] = true;
  };

  function note(effect: EngineEffect): void {
    switch (effect.kind) {
      case 'invoke':
        invocations++;
        expect(run.abandoned).toBe(false);
        expect(called.has(effect.index), `image ${effect.index} invoked twice at once`).toBe(false);
        expect(recorded.has(effect.index), `image ${effect.index} invoked after its outcome`).toBe(false);
        called.add(effect.index);
        return;
      case 'append':
        expect(inProgress.append, 'two appends at once').toBeUndefined();
        inProgress.append = effect.chunk;
        return;
      case 'read-manifest':
        return begin('manifest');
      case 'save-checkpoint':
        return begin('checkpoint');
      case 'check-growth':
        return begin('growth');
      case 'write-halt':
        return begin('halt');
      case 'look-up-rows':
        expect(lookup, 'two lookups at once').toBeUndefined();
        lookup = effect.records;
        return;
      case 'read-missing-rows':
        expect(called.size + run.inFlight.size, 'images in flight while all rows are checked').toBe(0);
        return begin('rows');
      case 'sleep':
        sleepUntil = effect.untilMs;
        return;
      case 'abandon':
        gaveUp ||= run.halt?.kind === 'lease-lost' || run.phase === 'driving';
        return;
      case 'emit':
        return;
    }
  }

  /** Notes what the event ends. */
  function noteEnd(event: EngineEvent): void {
    switch (event.kind) {
      case 'replied':
      case 'not-sent':
        return void called.delete(event.index);
      case 'outcomes-recorded':
        for (const record of event.records) {
          recorded.add(record.index);
          if (record.outcome.kind === 'processed') processed.set(record.index, record);
          else processed.delete(record.index);
        }
        return void delete inProgress.append;
      case 'append-failed':
        return void delete inProgress.append;
      case 'manifest-read':
        inProgress.manifest = false;
        return;
      case 'checkpoint-ended':
        inProgress.checkpoint = false;
        return;
      case 'growth-checked':
      case 'growth-check-failed':
        inProgress.growth = false;
        return;
      case 'halt-write-ended':
        inProgress.halt = false;
        return;
      case 'rows-looked-up':
      case 'row-lookup-failed':
        lookup = undefined;
        return;
      case 'missing-rows-read':
        inProgress.rows = false;
        return;
      default:
        return;
    }
  }

  function send(event: WithoutNow<EngineEvent>): readonly EngineEffect[] {
    const timed: EngineEvent = Object.freeze({ ...event, now });
    events.push(timed);
    noteEnd(timed);
    const advanced = advance(run, timed);
    run = advanced.run;
    for (const effect of advanced.effects) note(effect);
    effects.push(...advanced.effects);
    return advanced.effects;
  }

  function anyCalled(pick: number): number | undefined {
    const indexes = [...called];
    return indexes[pick % Math.max(1, indexes.length)];
  }

  const model: Model = {
    run: () => run,
    now: () => now,
    events: () => events,
    effects: () => effects,
    send,
    tick: (holds = holdsLease) => send({ kind: 'tick', holdsLease: holds }),
    tickUntilIdle() {
      for (let ticks = 0; run.phase === 'driving'; ticks++) {
        expect(ticks, 'the loop never sleeps').toBeLessThan(100);
        model.tick();
        if (sleepUntil > now) return;
      }
    },
    pass(ms) {
      now += ms;
    },
    readManifest() {
      if (!inProgress.manifest) {
        model.tick();
        if (!inProgress.manifest) return [];
      }
      const from = readAt;
      readAt = Math.min(images, from + 7);
      const read = Array.from({ length: readAt - from }, (_, at) => ({
        index: from + at,
        key: `image ${from + at}.png`,
        size: 1,
      }));
      return send({
        kind: 'manifest-read',
        entries: read,
        ...(readAt === images ? { end: 'exhausted' as const } : {}),
      });
    },
    startAll() {
      model.readManifest();
      for (let started = -1; started < invocations; now += 100) {
        started = invocations;
        model.tick();
      }
    },
    reply(index, result, random = 0.5) {
      return send({ kind: 'replied', index, result, requestId: undefined, random });
    },
    replyToAny(pick, result, random) {
      const index = anyCalled(pick);
      if (index !== undefined) model.reply(index, result, random);
    },
    doesNotSend(pick) {
      const index = anyCalled(pick);
      if (index !== undefined) send({ kind: 'not-sent', index });
    },
    endAppend(how) {
      const { append: chunk } = inProgress;
      if (!chunk) return;
      if (how === 'fails') {
        send({ kind: 'append-failed', fault: { reason: 'control-table', message: 'no', fix: 'look' }, mayPass: false });
        return;
      }
      const foreign = chunk.records[0];
      const records = how === 'taken' && foreign ? [foreign] : chunk.records;
      send({ kind: 'outcomes-recorded', seq: chunk.seq, records, isOwn: how !== 'taken' });
    },
    endCheckpoint() {
      if (!inProgress.checkpoint) return;
      send({ kind: 'checkpoint-ended' });
    },
    endHaltWrite(ok = true) {
      if (!inProgress.halt) return;
      send({ kind: 'halt-write-ended', ok });
    },
    endGrowthCheck(answer) {
      if (!inProgress.growth) return;
      if (answer === 'grew') entries++;
      if (answer === 'fails')
        send({ kind: 'growth-check-failed', fault: { reason: 'network', message: 'no', fix: 'look' } });
      else send({ kind: 'growth-checked', answer: { kind: 'count', entries } });
    },
    endLookup(proof) {
      if (!lookup) return;
      if (proof === 'fails')
        send({ kind: 'row-lookup-failed', fault: { reason: 'network', message: 'no', fix: 'look' } });
      else send({ kind: 'rows-looked-up', proofs: lookup.map(() => proof) });
    },
    endRowCheck(how) {
      if (!inProgress.rows) return;
      const fault = { reason: 'network', message: 'no', fix: 'look' } as const;
      const [record] = processed.values();
      if (how === 'one' && record) send({ kind: 'missing-rows-read', records: noRowsOf(record) });
      else send({ kind: 'missing-rows-read', records: [], end: how === 'fails' ? fault : 'exhausted' });
    },
    toggleLease() {
      holdsLease = !holdsLease;
    },
    unsaved: (count) => run.unsaved.slice(0, count),
    invocations: () => invocations,
    recordedImages: () => recorded.size,
    gaveUp: () => gaveUp,
    checkInvariants() {
      const { totals, inFlight, waiting, upcoming, progress } = run;
      expect(doneOf(totals)).toBe(recorded.size);
      if (!run.abandoned) expect(totals.processed).toBe(processed.size);
      expect(inFlight.size).toBeLessThanOrEqual(MAX_IN_FLIGHT);
      const unread = images - readAt;
      const open = [
        ...inFlight.keys(),
        ...waiting.map((image) => image.entry.index),
        ...upcoming.map((entry) => entry.index),
      ];
      expect(new Set(open).size).toBe(open.length);
      expect(open.filter((index) => !isDone(progress, index)).length + unread + recorded.size).toBe(images);
      // An image is in flight until its own outcome is on record, or it waits for a retry.
      for (const index of called) expect(inFlight.has(index) || run.abandoned).toBe(true);
      for (const { index } of run.unsaved.filter(({ outcome }) => outcome.kind !== 'no-rows'))
        expect(inFlight.get(index)?.hasOutcome).toBe(true);
    },
    playToEnd() {
      holdsLease = true;
      send({ kind: 'pace-set', paceSetting: { kind: 'fixed', perMinute: 600 }, by: 'U1' });
      for (let turn = 0; run.phase === 'driving'; turn++) {
        expect(turn, 'the drive never ends').toBeLessThan(5_000);
        if (inProgress.manifest) model.readManifest();
        for (const index of [...called]) model.reply(index, readings.processed);
        model.endAppend('ok');
        model.endCheckpoint();
        model.endHaltWrite();
        model.endGrowthCheck('grew');
        model.endLookup('found');
        model.endRowCheck('none');
        model.tickUntilIdle();
        model.pass(200);
      }
    },
  };
  return model;
}
