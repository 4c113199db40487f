import fc from 'fast-check';
import { afterEach, describe, expect, test, vi } from 'vitest';
import type { FaultReason, InvocationResult } from '../../../../src/pipeline/invoke/invocation.ts';
import { advance } from '../../../../src/run/engines/reducer/advance.ts';
import type { EngineEffect, EngineEvent, Halt } from '../../../../src/run/engines/reducer/engine-events.ts';
import type { OutcomeRecord } from '../../../../src/run/model/types.ts';
import { type Model, modelRun, readings } from './advance-model.ts';

afterEach(() => {
  vi.restoreAllMocks();
});

const by = 'U1';
const halts = {
  pause: { kind: 'pause', by },
  stop: { kind: 'stop', by: { kind: 'person', by }, now: false },
  'stop-now': { kind: 'stop', by: { kind: 'person', by }, now: true },
  fault: { kind: 'fault', fault: { reason: 'network', message: 'no', fix: 'look' } },
  trip: { kind: 'trip', trip: { kind: 'consecutive-failures', failures: 10 } },
  shutdown: { kind: 'shutdown' },
  'lease-lost': { kind: 'lease-lost' },
} satisfies Record<string, Halt>;
type HaltName = keyof typeof halts;

const kindsOf = (effects: readonly EngineEffect[]) => effects.map((effect) => effect.kind);
const emitted = (effects: readonly EngineEffect[]) =>
  effects.flatMap((effect) => (effect.kind === 'emit' ? [effect.event.kind] : []));
const recordOf = (index: number): OutcomeRecord => ({
  index,
  key: `image ${index}.png`,
  outcome: { kind: 'processed' },
  startedAt: 0,
  durationMs: 1,
  throttles: 0,
});

describe('a run that starts', () => {
  test('a run asks for the manifest first and starts one image per tick', () => {
    const model = modelRun({ images: 3 });
    expect(kindsOf(model.send({ kind: 'started' }))).toEqual([]);
    expect(kindsOf(model.tick())).toContain('read-manifest');
    model.readManifest();
    const started = [model.tick(), model.tick(), model.tick()].flatMap((effects) =>
      effects.filter((effect) => effect.kind === 'invoke'),
    );
    expect(started).toEqual([{ kind: 'invoke', index: 0, key: 'image 0.png' }]);
    model.pass(100);
    expect(model.tick()).toContainEqual({ kind: 'invoke', index: 1, key: 'image 1.png' });
  });

  test('a run without the lease starts nothing, keeps its images in flight, and goes on when it has the lease again', () => {
    const model = modelRun({ images: 3 });
    model.readManifest();
    expect(kindsOf(model.tick())).toContain('invoke');
    model.pass(5_000);
    expect(kindsOf(model.tick(false))).not.toContain('invoke');
    expect(model.run()).toMatchObject({ halt: undefined, abandoned: false });
    expect(model.run().inFlight.size).toBe(1);
    expect(kindsOf(model.tick(true))).toContain('invoke');
  });

  test('people hear of a lease that cannot be renewed after 30 s, not before, and of its return', () => {
    const model = modelRun({ images: 3 });
    model.tick(false);
    model.pass(29_000);
    model.tick(false);
    expect(model.run().warnings.map(({ kind }) => kind)).not.toContain('control-table');
    model.pass(1_000);
    const warnings = (effects: readonly EngineEffect[]) =>
      effects.flatMap((effect) =>
        effect.kind === 'emit' && 'warning' in effect.event
          ? [`${effect.event.kind} ${effect.event.warning.kind} ${effect.event.warning.value}`]
          : [],
      );
    expect(warnings(model.tick(false))).toContain('warning-began control-table 30');
    model.pass(1_000);
    model.tick(true);
    model.pass(1_000);
    expect(warnings(model.tick(true))).toContain('warning-ended control-table 31');
  });

  test('a run starts the images that could be read before a manifest that cannot be read pauses it', () => {
    const model = modelRun({ images: 2 });
    const fault = { reason: 'manifest', message: 'gone', fix: 'look' } as const;
    model.tick();
    model.send({ kind: 'manifest-read', entries: [{ index: 0, key: 'image 0.png', size: 1 }], end: fault });
    expect(kindsOf(model.tick())).toContain('invoke');
    model.tick();
    expect(model.run().halt).toEqual({ kind: 'fault', fault });
    expect(model.run().inFlight.size).toBe(1);
  });
});

describe('a reply', () => {
  test.each<[string, InvocationResult, string[], number, number]>([
    ['an outcome stays in flight until it is on record', readings.processed, ['append'], 1, 0],
    ['a throttled image waits', readings.throttled, [], 0, 1],
    ['a broken connection is announced and the image waits', readings.broken, ['emit'], 0, 1],
    ['a fault pauses the run and the image waits', readings.credentials, ['write-halt'], 0, 1],
  ])('%s', (_what, result, effects, inFlight, waiting) => {
    const model = modelRun({ images: 1 });
    model.startAll();
    expect(kindsOf(model.reply(0, result))).toEqual(effects);
    expect(model.run().inFlight.size).toBe(inFlight);
    expect(model.run().waiting).toHaveLength(waiting);
  });

  test('a reply is ignored if its image is not in flight or has an outcome, or if the run was abandoned', () => {
    const model = modelRun({ images: 2 });
    model.startAll();
    model.reply(0, readings.processed);
    expect(model.reply(0, readings.failed)).toEqual([]);
    expect(model.reply(7, readings.failed)).toEqual([]);
    model.send({ kind: 'halted', halt: halts['stop-now'] });
    expect(model.reply(1, readings.failed)).toEqual([]);
    expect(model.run().unsaved).toHaveLength(1);
  });
});

describe('images that wait', () => {
  test('a waiting image that is due starts first, and the other one keeps waiting', () => {
    const model = modelRun({ images: 2 });
    model.startAll();
    model.reply(0, readings.throttled, 0.9);
    model.reply(1, readings.throttled, 0.1);
    const invoked: number[] = [];
    while (invoked.length < 2) {
      for (const effect of model.tick()) if (effect.kind === 'invoke') invoked.push(effect.index);
      model.pass(50);
    }
    expect(invoked).toEqual([1, 0]);
    model.checkInvariants();
  });
});

describe('the journal', () => {
  test('outcomes that arrive during a write of the journal go with the next write', () => {
    const model = modelRun({ images: 3 });
    model.startAll();
    expect(kindsOf(model.reply(0, readings.processed))).toEqual(['append']);
    expect(model.reply(1, readings.processed)).toEqual([]);
    const next = model.send({ kind: 'outcomes-recorded', seq: 1, records: model.unsaved(1), isOwn: true });
    expect(next).toContainEqual(
      expect.objectContaining({
        kind: 'append',
        chunk: expect.objectContaining({ seq: 2, records: model.unsaved(1) }),
      }),
    );
    expect(model.run().totals.processed).toBe(1);
    expect([...model.run().inFlight.keys()]).toEqual([1, 2]);
  });

  test('a failed write of the journal is repeated after a growing delay, and the second failure pauses the run', () => {
    const model = modelRun({ images: 2 });
    model.startAll();
    model.reply(0, readings.processed);
    const fault = { reason: 'control-table', message: 'no', fix: 'look' } as const;
    const delays: number[] = [];
    for (let failure = 1; failure <= 5; failure++) {
      model.send({ kind: 'append-failed', fault, mayPass: false });
      expect(model.run().halt).toEqual(failure < 2 ? undefined : { kind: 'fault', fault });
      const failedAt = model.now();
      while (!kindsOf(model.tick()).includes('append')) model.pass(50);
      delays.push(model.now() - failedAt);
    }
    expect(delays).toEqual([500, 1_000, 2_000, 4_000, 5_000]);
  });

  test('writes of the journal that fail and may pass pause the run after ten minutes, and a write that succeeds ends the wait', () => {
    const model = modelRun({ images: 3 });
    model.startAll();
    const fault = { reason: 'network', message: 'no', fix: 'look' } as const;
    const failFor = (ms: number) => {
      const until = model.now() + ms;
      for (;;) {
        while (!kindsOf(model.tick()).includes('append')) model.pass(50);
        if (model.now() >= until) return;
        model.send({ kind: 'append-failed', fault, mayPass: true });
      }
    };
    kindsOf(model.reply(0, readings.processed));
    model.send({ kind: 'append-failed', fault, mayPass: true });
    failFor(9 * 60_000);
    expect(model.run().halt).toBeUndefined();
    model.endAppend('ok');
    // The time of the wait is no time without growth.
    model.tick();
    expect(model.run().halt).toBeUndefined();
    model.reply(1, readings.processed);
    model.send({ kind: 'append-failed', fault, mayPass: true });
    failFor(9 * 60_000);
    expect(model.run().halt).toBeUndefined();
    model.send({ kind: 'append-failed', fault, mayPass: true });
    failFor(2 * 60_000);
    expect(model.run().halt).toEqual({ kind: 'fault', fault });
  });

  test('a chunk that another process wrote is counted, and the own outcome takes the next number', () => {
    const model = modelRun({ images: 2 });
    model.startAll();
    model.reply(0, readings.processed);
    const next = model.send({ kind: 'outcomes-recorded', seq: 1, records: [recordOf(1)], isOwn: false });
    expect(next).toContainEqual(
      expect.objectContaining({ kind: 'append', chunk: expect.objectContaining({ seq: 2 }) }),
    );
    expect(model.run().totals.processed).toBe(1);
    expect(model.run().inFlight.size).toBe(2);
  });

  test('an outcome that is reported twice is counted once', () => {
    const model = modelRun({ images: 2 });
    model.startAll();
    for (const isOwn of [true, false, false])
      model.send({ kind: 'outcomes-recorded', seq: 1, records: [recordOf(0)], isOwn });
    expect(model.run().totals.processed).toBe(1);
  });
});

describe('a read of the table that fails', () => {
  const faultOf = (reason: FaultReason) => ({ reason, message: 'no', fix: 'look' }) as const;
  test.each(
    (['growth-check-failed', 'row-lookup-failed'] as const).flatMap((kind) => [
      [kind, 'credentials', true] as const,
      [kind, 'access-denied', true] as const,
      [kind, 'table-missing', true] as const,
      [kind, 'network', false] as const,
    ]),
  )('%s with a fault of %s pauses the run: %s', (kind, reason, isPaused) => {
    const model = modelRun({ images: 2 });
    model.startAll();
    model.send({ kind, fault: faultOf(reason) });
    expect(model.run().halt).toEqual(isPaused ? { kind: 'fault', fault: faultOf(reason) } : undefined);
  });
});

describe('halts', () => {
  const ranks: readonly (readonly HaltName[])[] = [['lease-lost'], ['shutdown', 'pause'], ['fault'], ['stop', 'trip']];
  const pairs = ranks.flatMap((lower, rank) =>
    lower.flatMap((first) =>
      ranks.flatMap((names, otherRank) =>
        names.map((second) => [first, second, otherRank > rank ? second : first] as const),
      ),
    ),
  );
  test.each(pairs)('after %s, %s: the run halts by %s', (first, second, winner) => {
    const model = modelRun({ images: 2 });
    model.startAll();
    model.send({ kind: 'halted', halt: halts[first] });
    model.send({ kind: 'halted', halt: halts[second] });
    expect(model.run().halt).toEqual(halts[winner]);
  });

  test('a write of a halt that fails is repeated after a second, and one that succeeds is not', () => {
    const model = modelRun({ images: 2 });
    const writes = () => model.effects().filter(({ kind }) => kind === 'write-halt').length;
    model.startAll();
    model.send({ kind: 'halted', halt: halts.stop });
    for (const failures of [1, 2]) {
      model.endHaltWrite(false);
      model.tickUntilIdle();
      expect(writes()).toBe(failures);
      model.pass(1_000);
      model.tickUntilIdle();
      expect(model.effects().findLast(({ kind }) => kind === 'write-halt')).toMatchObject({ halt: halts.stop });
      expect(writes()).toBe(failures + 1);
    }
    model.endHaltWrite(true);
    model.pass(5_000);
    model.tickUntilIdle();
    expect(writes()).toBe(3);
  });

  test('a write of a halt that fails is not repeated without the lease', () => {
    const model = modelRun({ images: 2 });
    model.startAll();
    model.send({ kind: 'halted', halt: halts.stop });
    model.send({ kind: 'halted', halt: halts['lease-lost'] });
    model.endHaltWrite(false);
    model.pass(1_000);
    model.tickUntilIdle();
    expect(model.effects().filter(({ kind }) => kind === 'write-halt')).toHaveLength(1);
  });

  test('a halt is written before watchers hear of it, and a halt that replaces it is written after it', () => {
    const model = modelRun({ images: 2 });
    model.startAll();
    const first = model.send({ kind: 'halted', halt: halts.pause });
    expect(kindsOf(first)).toEqual(['write-halt']);
    expect(model.send({ kind: 'halted', halt: halts.stop })).toEqual([]);
    const second = model.send({ kind: 'halt-write-ended', ok: true });
    expect(emitted(second)).toEqual(['draining']);
    expect(second).toContainEqual(expect.objectContaining({ kind: 'write-halt', halt: halts.stop }));
    expect(emitted(model.send({ kind: 'halt-write-ended', ok: true }))).toEqual([]);
  });

  test('a shutdown waits for images in flight for its time only, even when the run was paused before', () => {
    const model = modelRun({ images: 2 });
    model.startAll();
    model.send({ kind: 'halted', halt: halts.pause });
    model.send({ kind: 'halted', halt: halts.shutdown });
    model.pass(7_999);
    model.tick();
    expect(model.run().phase).toBe('driving');
    model.pass(1);
    expect(kindsOf(model.tick())).toContain('abandon');
    expect(model.run()).toMatchObject({ phase: 'drained', halt: { kind: 'pause' } });
  });
});

/** Something that may happen to a run. Its effect depends on what is in progress. */
const command = fc.oneof(
  {
    weight: 6,
    arbitrary: fc.record({
      do: fc.constant('pass' as const),
      ms: fc.oneof(fc.integer({ min: 0, max: 300 }), fc.integer({ min: 0, max: 3_000 })),
    }),
  },
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constant('reply' as const),
      pick: fc.nat(),
      random: fc.double({ min: 0, max: 0.999, noNaN: true }),
      result: fc.constantFrom(...Object.values(readings)),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('not-sent' as const), pick: fc.nat() }) },
  {
    weight: 6,
    arbitrary: fc.record({ do: fc.constant('append' as const), how: fc.constantFrom('ok', 'ok', 'fails', 'taken') }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('manifest' as const, 'saved' as const) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('halt-write' as const), ok: fc.boolean() }) },
  {
    weight: 1,
    arbitrary: fc.record({
      do: fc.constant('growth' as const),
      answer: fc.constantFrom('grew' as const, 'same' as const, 'fails' as const),
    }),
  },
  {
    weight: 3,
    arbitrary: fc.record({
      do: fc.constant('lookup' as const),
      proof: fc.constantFrom('found' as const, 'missing' as const, 'unknown' as const, 'fails' as const),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      do: fc.constant('rows' as const),
      how: fc.constantFrom('one' as const, 'none' as const, 'fails' as const),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('pace' as const), perMinute: fc.integer({ min: 1, max: 6_000 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ do: fc.constant('halt' as const), halt: fc.constantFrom(...Object.values(halts)) }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constant('lease' as const) }) },
);
type Command = typeof command extends fc.Arbitrary<infer T> ? T : never;

function play(model: Model, step: Command): void {
  switch (step.do) {
    case 'pass':
      return model.pass(step.ms);
    case 'reply':
      return model.replyToAny(step.pick, step.result, step.random);
    case 'not-sent':
      return model.doesNotSend(step.pick);
    case 'append':
      return model.endAppend(step.how);
    case 'manifest':
      return void model.readManifest();
    case 'saved':
      return model.endCheckpoint();
    case 'halt-write':
      return model.endHaltWrite(step.ok);
    case 'growth':
      return model.endGrowthCheck(step.answer);
    case 'lookup':
      return model.endLookup(step.proof);
    case 'rows':
      return model.endRowCheck(step.how);
    case 'pace':
      return void model.send({ kind: 'pace-set', paceSetting: { kind: 'fixed', perMinute: step.perMinute }, by });
    case 'halt':
      return void model.send({ kind: 'halted', halt: step.halt });
    case 'lease':
      return model.toggleLease();
  }
}

const scenario = fc.record({
  images: fc.integer({ min: 1, max: 40 }),
  canary: fc.option(fc.record({ images: fc.integer({ min: 1, max: 10 }), percent: fc.constantFrom(20, 100) }), {
    nil: undefined,
  }),
  steps: fc.array(command, { maxLength: 150 }),
});

describe('whatever happens, in whatever order', () => {
  test('each image is in exactly one place, is invoked once at a time, and has at most one counted outcome', () => {
    fc.assert(
      fc.property(scenario, ({ images, canary, steps }) => {
        const model = modelRun({ images, ...(canary && { canary }) });
        for (const step of steps) {
          play(model, step);
          model.tickUntilIdle();
          model.checkInvariants();
        }
      }),
      { numRuns: 300 },
    );
  });

  test('nothing is started after a halt, and only a halt of higher rank replaces it', () => {
    const rank = (halt: Halt | undefined): number =>
      halt ? { completed: 0, 'lease-lost': 0, shutdown: 1, pause: 1, fault: 2, stop: 3, trip: 3 }[halt.kind] : -1;
    fc.assert(
      fc.property(scenario, ({ images, steps }) => {
        const model = modelRun({ images });
        for (const step of steps) {
          const before = model.run().halt;
          const started = model.invocations();
          play(model, step);
          model.tickUntilIdle();
          const after = model.run().halt;
          if (before) expect(model.invocations()).toBe(started);
          if (before !== after) expect(rank(after)).toBeGreaterThan(rank(before));
        }
      }),
      { numRuns: 300 },
    );
  });

  test('a stop is never lost: the run ends stopped, or tripped where it tripped first', () => {
    fc.assert(
      fc.property(scenario, fc.nat(150), ({ images, steps }, at) => {
        const model = modelRun({ images });
        let beforeStop: Halt | undefined;
        steps.forEach((step, index) => {
          if (index === at) {
            beforeStop = model.run().halt;
            model.send({ kind: 'halted', halt: halts.stop });
          }
          play(model, step);
          model.tickUntilIdle();
        });
        if (at >= steps.length) return;
        const wins = beforeStop?.kind === 'trip' || beforeStop?.kind === 'stop';
        expect(model.run().halt).toEqual(wins ? beforeStop : halts.stop);
      }),
      { numRuns: 200 },
    );
  });

  test('once everything answers again, the drive ends; without a halt every image has an outcome then', () => {
    fc.assert(
      fc.property(scenario, ({ images, canary, steps }) => {
        const model = modelRun({ images, ...(canary && { canary }) });
        for (const step of steps) {
          play(model, step);
          model.tickUntilIdle();
        }
        model.playToEnd();
        const run = model.run();
        expect(run.phase).toBe('drained');
        if (run.halt?.kind === 'completed') expect(model.recordedImages()).toBe(images);
        const hasShutdown = steps.some((step) => step.do === 'halt' && step.halt.kind === 'shutdown');
        if (!model.gaveUp() && !hasShutdown) expect(run.inFlight.size).toBe(0);
      }),
      { numRuns: 200 },
    );
  });

  test('the same run and the same events give the same result, without clock and random source', () => {
    fc.assert(
      fc.property(scenario, ({ images, steps }) => {
        const forbidden = () => {
          throw new Error('The reducer must not ask for time or a random number.');
        };
        const sources = [
          vi.spyOn(Date, 'now').mockImplementation(forbidden),
          vi.spyOn(performance, 'now').mockImplementation(forbidden),
          vi.spyOn(Math, 'random').mockImplementation(forbidden),
        ];
        try {
          const model = modelRun({ images });
          for (const step of steps) {
            play(model, step);
            model.tickUntilIdle();
          }
          let again = modelRun({ images }).run();
          const effects: EngineEffect[] = [];
          const events: readonly EngineEvent[] = structuredClone(model.events());
          for (const event of events) {
            const advanced = advance(again, event);
            again = advanced.run;
            effects.push(...advanced.effects);
          }
          expect(effects).toEqual(model.effects());
          expect(again).toEqual(model.run());
        } finally {
          for (const source of sources) source.mockRestore();
        }
      }),
      { numRuns: 100 },
    );
  });
});
