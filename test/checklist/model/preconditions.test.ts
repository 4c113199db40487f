import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkPreconditions,
  type GuardedStep,
  isCovered,
  isUndone,
  overridableStepOf,
  overrideKeysOf,
  type PreconditionFacts,
  type PreconditionRules,
  proofSchema,
  tableResetSchema,
  type UnmetPrecondition,
  unmetPreconditionsOf,
} from '../../../src/checklist/model/preconditions.ts';
import { OVERRIDABLE, type Override } from '../../../src/checklist/model/step.ts';

const HOUR = 3_600_000;
const NOW = Date.parse('2026-11-24T12:00:00Z');
const rules: PreconditionRules = {
  maxBackupAgeMs: 24 * HOUR,
  maxDifference: 100,
  maxSampleAgeMs: 24 * HOUR,
  sampleImages: 3,
  autoResume: true,
};
const proof = { codeSha256: 'code', at: NOW - HOUR, by: 'U1' };
const ready = (changed: Partial<PreconditionFacts> = {}): PreconditionFacts => ({
  now: NOW,
  codeSha256: 'code',
  backup: { id: 'b-1', startedAt: NOW - HOUR, records: 4_187 },
  records: 4_187,
  quotas: { blocking: [] },
  logging: proof,
  sample: { ...proof, images: 3, failed: 0 },
  overrides: [],
  ...changed,
});
const without = (...names: (keyof PreconditionFacts)[]): PreconditionFacts => {
  const facts: Partial<PreconditionFacts> = ready();
  for (const name of names) delete facts[name];
  return { now: NOW, overrides: [], ...facts };
};
const reasons = (step: GuardedStep, facts: PreconditionFacts, changed: Partial<PreconditionRules> = {}) => {
  const preconditions = checkPreconditions(step, facts, { ...rules, ...changed });
  return preconditions.kind === 'pass' ? [] : preconditions.unmet.map(({ reason }) => reason);
};
const COVERS = [
  'quotas-unknown',
  'logging-unproven',
  'sample-missing',
  'no-backup',
  'backup-old',
  'table-changed',
  'table-unread',
  'run-active',
  'not-flushed',
];
const override = (step: Override['step'], codeSha256 = 'code'): Override => ({
  step,
  by: 'U2',
  at: NOW,
  reason: 'known',
  codeSha256,
  covers: COVERS,
});

describe('preconditions of a flush', () => {
  test('a flush may begin when all its preconditions are met', () => {
    expect(checkPreconditions('flush', ready(), rules)).toEqual({ kind: 'pass', overridden: [] });
  });

  test.each<[string, PreconditionFacts, string[]]>([
    ['no backup', without('backup'), ['no-backup']],
    [
      'a backup of the day before yesterday',
      ready({ backup: { id: 'b', startedAt: NOW - 25 * HOUR, records: 4_187 } }),
      ['backup-old'],
    ],
    ['a table that grew by more than may differ', ready({ records: 4_288 }), ['table-changed']],
    ['a table that shrank by more than may differ', ready({ records: 4_086 }), ['table-changed']],
    ['quotas that block', ready({ quotas: { blocking: ['no concurrency'] } }), ['quotas-blocking']],
    ['quotas that could not be read', without('quotas'), ['quotas-unknown']],
    ['failure logging that nobody proved', without('logging'), ['logging-unproven']],
    [
      'failure logging that was proven on other code',
      ready({ logging: { ...proof, codeSha256: 'old' } }),
      ['logging-stale'],
    ],
    ['no sample', without('sample'), ['sample-missing']],
    [
      'a sample of yesterday',
      ready({ sample: { ...proof, at: NOW - 25 * HOUR, images: 3, failed: 0 } }),
      ['sample-stale'],
    ],
    [
      'a sample on other code',
      ready({ sample: { ...proof, codeSha256: 'old', images: 3, failed: 0 } }),
      ['sample-stale'],
    ],
    ['a sample that failed', ready({ sample: { ...proof, images: 3, failed: 1 } }), ['sample-failed']],
    ['a table that could not be counted', without('records'), ['table-unread']],
    [
      'a sample of fewer images than the setting says',
      ready({ sample: { ...proof, images: 2, failed: 0 } }),
      ['sample-missing'],
    ],
    [
      'a sample of no image at all, whatever the bucket holds',
      ready({ sample: { ...proof, images: 0, failed: 0, isAll: true } }),
      ['sample-missing'],
    ],
    [
      'a sample whose date lies ahead',
      ready({ sample: { ...proof, at: NOW + 25 * HOUR, images: 3, failed: 0 } }),
      ['sample-stale'],
    ],
    [
      'a backup whose date lies ahead',
      ready({ backup: { id: 'b', startedAt: NOW + 25 * HOUR, records: 4_187 } }),
      ['backup-old'],
    ],
    [
      'a backup whose date lies six minutes ahead',
      ready({ backup: { id: 'b', startedAt: NOW + HOUR / 10, records: 4_187 } }),
      ['backup-old'],
    ],
    ['a run that is active', ready({ activeRun: 'r-1' }), ['run-active']],
    ['a function that cannot be looked at', without('codeSha256'), ['function-unknown']],
    [
      'no facts at all: every unmet precondition is returned at once',
      { now: NOW, codeSha256: 'code', overrides: [] },
      ['no-backup', 'quotas-unknown', 'logging-unproven', 'sample-missing'],
    ],
  ])('a flush is refused with %s', (_what, facts, expected) => {
    expect(reasons('flush', facts)).toEqual(expected);
  });

  test('a count that differs from the backup by at most the setting does not block a flush', () => {
    expect(reasons('flush', ready({ records: 4_287 }))).toEqual([]);
  });

  test('the count of a table that is too large to count does not block a flush', () => {
    expect(reasons('flush', ready({ records: 'not-counted' }))).toEqual([]);
  });

  test('a flush needs no sample when SAMPLE_IMAGES is 0', () => {
    expect(reasons('flush', without('sample'), { sampleImages: 0 })).toEqual([]);
  });

  test('an override replaces the preconditions of one step, and the check names the overrides', () => {
    const facts = { ...without('logging', 'sample'), overrides: [override('test-logging')] };
    expect(reasons('flush', facts)).toEqual(['sample-missing']);
    const both = { ...facts, overrides: [override('test-logging'), override('sample')] };
    expect(checkPreconditions('flush', both, rules)).toMatchObject({
      kind: 'pass',
      overridden: [{ step: 'test-logging', by: 'U2' }, { step: 'sample' }],
    });
  });

  test('an override covers what was unmet when it was given, and nothing later', () => {
    const given = (covers: string[]): Override[] => [{ ...override('quotas'), covers }];
    const blocking = (...limits: string[]) => ({ ...ready({ quotas: { blocking: limits } }) });
    const covered = given(['quotas-blocking:concurrency', 'quotas-blocking:writes']);
    expect(reasons('flush', { ...blocking('concurrency'), overrides: covered })).toEqual([]);
    expect(reasons('flush', { ...blocking('concurrency', 'tokens'), overrides: covered })).toEqual(['quotas-blocking']);
    expect(reasons('flush', { ...blocking('concurrency'), overrides: given(['quotas-unknown']) })).toEqual([
      'quotas-blocking',
    ]);
    const failed = ready({ sample: { ...proof, images: 3, failed: 2 } });
    const sample = (covers: string[]): Override[] => [{ ...override('sample'), covers }];
    expect(reasons('flush', { ...failed, overrides: sample(['sample-missing']) })).toEqual(['sample-failed']);
    expect(reasons('flush', { ...failed, overrides: sample([`sample-failed:${proof.at}`]) })).toEqual([]);
    expect(reasons('flush', { ...failed, overrides: sample(['sample-failed:1']) })).toEqual(['sample-failed']);
  });

  test('an override does not cover another code of the function', () => {
    expect(reasons('flush', { ...without('logging'), overrides: [override('test-logging', 'old')] })).toEqual([
      'logging-unproven',
    ]);
  });

  test('no override replaces the backup', () => {
    fc.assert(
      fc.property(
        fc.record({
          backup: fc.option(fc.record({ id: fc.string(), startedAt: fc.integer({ max: NOW }), records: fc.nat() }), {
            nil: undefined,
          }),
          records: fc.option(fc.nat(), { nil: undefined }),
          activeRun: fc.option(fc.string(), { nil: undefined }),
        }),
        ({ backup, records, activeRun }) => {
          const facts: PreconditionFacts = {
            now: NOW,
            codeSha256: 'code',
            overrides: [...OVERRIDABLE, 'backup' as const, 'flush' as const].map((step) => override(step)),
            ...(backup ? { backup } : {}),
            records: records ?? 'not-counted',
            ...(activeRun === undefined ? {} : { activeRun }),
          };
          const isSound =
            backup !== undefined &&
            NOW - backup.startedAt <= rules.maxBackupAgeMs &&
            (records === undefined || Math.abs(records - backup.records) <= rules.maxDifference) &&
            activeRun === undefined;
          expect(checkPreconditions('flush', facts, rules).kind).toBe(isSound ? 'pass' : 'refuse');
        },
      ),
    );
  });
});

/** An unmet precondition of every reason, and the step whose override covers it. */
const UNMET: readonly (readonly [UnmetPrecondition, Override['step'] | undefined])[] = [
  [{ reason: 'no-backup', fix: 'backup' }, undefined],
  [{ reason: 'backup-used', fix: 'backup', backupId: 'b-1', at: 7 }, undefined],
  [{ reason: 'backup-old', fix: 'backup', backupId: 'b-1', ageMs: 8, mostMs: 7 }, undefined],
  [{ reason: 'table-changed', fix: 'backup', backupId: 'b-1', records: 2, saved: 1 }, undefined],
  [{ reason: 'table-unread', fix: 'table' }, undefined],
  [{ reason: 'quotas-blocking', fix: 'quotas', blocking: ['concurrency', 'writes'] }, 'quotas'],
  [{ reason: 'quotas-unknown', fix: 'quotas' }, 'quotas'],
  [{ reason: 'logging-unproven', fix: 'test-logging' }, 'test-logging'],
  [{ reason: 'logging-stale', fix: 'test-logging', provenAt: 7 }, 'test-logging'],
  [{ reason: 'sample-missing', fix: 'sample', images: 3 }, 'sample'],
  [{ reason: 'sample-stale', fix: 'sample', because: 'old' }, 'sample'],
  [{ reason: 'sample-failed', fix: 'sample', failed: 1, images: 3, at: 7 }, 'sample'],
  [{ reason: 'not-flushed', fix: 'flush' }, undefined],
  [{ reason: 'flush-running', fix: 'wait', startedAt: 7 }, undefined],
  [{ reason: 'flush-unapproved', fix: 'approval', until: 7 }, undefined],
  [{ reason: 'restored-since', fix: 'flush' }, undefined],
  [{ reason: 'table-reset', fix: 'start', runId: 'r-1', by: 'flush' }, undefined],
  [{ reason: 'run-active', fix: 'stop', runId: 'r-1' }, undefined],
  [{ reason: 'function-unknown', fix: 'status' }, undefined],
];

describe('overrides', () => {
  test.each(UNMET)('%j is covered by an override of %s, and of no other step', (unmet, step) => {
    expect(overridableStepOf(unmet)).toBe(step);
    const covers = overrideKeysOf(unmet);
    for (const other of [...OVERRIDABLE, 'backup', 'flush'] as const)
      expect(isCovered({ ...override(other), covers }, unmet, 'code'), other).toBe(other === step);
  });

  test.each(UNMET.flatMap(([unmet, step]) => (step ? [[unmet, step] as const] : [])))(
    '%j is not covered on other or unknown code, or by an override of %s that lacks one of its keys',
    (unmet, step) => {
      const covers = overrideKeysOf(unmet);
      expect(isCovered({ ...override(step), covers }, unmet, 'other code')).toBe(false);
      expect(isCovered({ ...override(step), covers }, unmet, undefined)).toBe(false);
      for (const key of covers)
        expect(isCovered({ ...override(step), covers: covers.filter((one) => one !== key) }, unmet, 'code')).toBe(
          false,
        );
    },
  );

  test('an override stores one key per limit, and one per reason of a stale or failed sample', () => {
    expect(overrideKeysOf({ reason: 'quotas-blocking', fix: 'quotas', blocking: ['a', 'b'] })).toEqual([
      'quotas-blocking:a',
      'quotas-blocking:b',
    ]);
    expect(overrideKeysOf({ reason: 'sample-stale', fix: 'sample', because: 'code' })).toEqual(['sample-stale:code']);
    expect(overrideKeysOf({ reason: 'sample-failed', fix: 'sample', failed: 1, images: 3, at: 7 })).toEqual([
      'sample-failed:7',
    ]);
    expect(overrideKeysOf({ reason: 'logging-stale', fix: 'test-logging', provenAt: 7 })).toEqual(['logging-stale']);
  });

  test('an override of a step is offered what is unmet of this step, and nothing where all is met', () => {
    const facts = without('logging', 'sample', 'backup');
    expect(unmetPreconditionsOf('sample', facts, rules)).toEqual([
      { reason: 'sample-missing', fix: 'sample', images: 3 },
    ]);
    expect(unmetPreconditionsOf('test-logging', facts, rules)).toEqual([
      { reason: 'logging-unproven', fix: 'test-logging' },
    ]);
    expect(unmetPreconditionsOf('quotas', facts, rules)).toEqual([]);
  });

  test('a check without overrides that apply names none', () => {
    const given = { ...ready(), overrides: [override('sample'), override('quotas')] };
    expect(checkPreconditions('flush', given, rules)).toEqual({ kind: 'pass', overridden: [] });
  });
});

describe('what a refusal says', () => {
  const FUTURE = NOW + 5 * 60_000;
  test.each<[string, GuardedStep, Partial<PreconditionFacts>, UnmetPrecondition[]]>([
    [
      'a used backup, and when',
      'flush',
      { backup: { id: 'b', startedAt: NOW, records: 4_187, usedAt: 7 } },
      [{ reason: 'backup-used', fix: 'backup', backupId: 'b', at: 7 }],
    ],
    [
      'the age of an old backup, and the limit',
      'flush',
      { backup: { id: 'b', startedAt: NOW - 24 * HOUR - 1, records: 4_187 } },
      [{ reason: 'backup-old', fix: 'backup', backupId: 'b', ageMs: 24 * HOUR + 1, mostMs: 24 * HOUR }],
    ],
    [
      'nothing of a backup of exactly that age',
      'flush',
      { backup: { id: 'b', startedAt: NOW - 24 * HOUR, records: 4_187 } },
      [],
    ],
    [
      'a negative age of a backup from the future',
      'flush',
      { backup: { id: 'b', startedAt: FUTURE + 1, records: 4_187 } },
      [{ reason: 'backup-old', fix: 'backup', backupId: 'b', ageMs: -300_001, mostMs: 24 * HOUR }],
    ],
    [
      'nothing of a backup that a clock dates five minutes ahead',
      'flush',
      { backup: { id: 'b', startedAt: FUTURE, records: 4_187 } },
      [],
    ],
    [
      'both counts of a table that changed',
      'flush',
      { records: 4_288 },
      [{ reason: 'table-changed', fix: 'backup', backupId: 'b-1', records: 4_288, saved: 4_187 }],
    ],
    [
      'every limit that blocks',
      'flush',
      { quotas: { blocking: ['a', 'b'] } },
      [{ reason: 'quotas-blocking', fix: 'quotas', blocking: ['a', 'b'] }],
    ],
    [
      'when the logging was proven on other code',
      'flush',
      { logging: { ...proof, codeSha256: 'old', at: 9 } },
      [{ reason: 'logging-stale', fix: 'test-logging', provenAt: 9 }],
    ],
    [
      'that the sample ran on other code',
      'flush',
      { sample: { ...proof, codeSha256: 'old', images: 3, failed: 1 } },
      [{ reason: 'sample-stale', fix: 'sample', because: 'code' }],
    ],
    [
      'that the sample is old',
      'flush',
      { sample: { ...proof, at: NOW - 24 * HOUR - 1, images: 3, failed: 1 } },
      [{ reason: 'sample-stale', fix: 'sample', because: 'old' }],
    ],
    [
      'nothing of a sample of exactly that age',
      'flush',
      { sample: { ...proof, at: NOW - 24 * HOUR, images: 3, failed: 0 } },
      [],
    ],
    [
      'nothing of a sample of fewer images where the bucket has no more',
      'flush',
      { sample: { ...proof, images: 1, failed: 0, isAll: true } },
      [],
    ],
    [
      'which images of the sample failed, and which sample it was',
      'flush',
      { sample: { ...proof, images: 4, failed: 1 } },
      [{ reason: 'sample-failed', fix: 'sample', failed: 1, images: 4, at: proof.at }],
    ],
    ['the run that is active', 'flush', { activeRun: 'r-1' }, [{ reason: 'run-active', fix: 'stop', runId: 'r-1' }]],
    [
      'the run that is active, of a restore',
      'restore',
      { activeRun: 'r-1' },
      [{ reason: 'run-active', fix: 'stop', runId: 'r-1' }],
    ],
    ['that nobody flushed', 'start', {}, [{ reason: 'not-flushed', fix: 'flush' }]],
    [
      'that the flush runs',
      'start',
      { job: { kind: 'flush', by: 'U1', startedAt: 7 }, flushRequest: { by: 'U1', at: 1, until: 9, isPending: true } },
      [{ reason: 'flush-running', fix: 'wait', startedAt: 7 }],
    ],
    [
      'that nobody flushed while a restore runs',
      'start',
      { job: { kind: 'restore', by: 'U1', startedAt: 7 } },
      [{ reason: 'not-flushed', fix: 'flush' }],
    ],
    [
      'until when the flush waits for its approval',
      'start',
      { flushRequest: { by: 'U1', at: 1, until: 9, isPending: true } },
      [{ reason: 'flush-unapproved', fix: 'approval', until: 9 }],
    ],
    [
      'that nobody flushed where the request was decided',
      'start',
      { flushRequest: { by: 'U1', at: 1, until: 9, isPending: false } },
      [{ reason: 'not-flushed', fix: 'flush' }],
    ],
    [
      'that a restore undid the flush',
      'start',
      { flush: { step: 'flush', state: 'done', by: 'U1', at: 7 }, reset: { kind: 'restore', at: 7 } },
      [{ reason: 'restored-since', fix: 'flush' }],
    ],
    [
      'which run was reset, and by what',
      'resume',
      { lastRun: { runId: 'r-1', startedAt: 7 }, reset: { kind: 'restore', at: 8 } },
      [{ reason: 'table-reset', fix: 'start', runId: 'r-1', by: 'restore' }],
    ],
    [
      'nothing of a flush at the start of the run',
      'resume',
      { lastRun: { runId: 'r-1', startedAt: 7 }, reset: { kind: 'flush', at: 7 } },
      [],
    ],
    ['nothing of a flush where no run was started', 'resume', { reset: { kind: 'flush', at: 7 } }, []],
  ])('names %s', (_what, step, changed, unmet) => {
    expect(checkPreconditions(step, ready(changed), rules)).toEqual(
      unmet.length === 0 ? { kind: 'pass', overridden: [] } : { kind: 'refuse', unmet, overridden: [] },
    );
  });

  test('without any fact the first thing that is missing of each kind, and what fixes it', () => {
    expect(checkPreconditions('flush', { now: NOW, codeSha256: 'code', overrides: [] }, rules)).toEqual({
      kind: 'refuse',
      overridden: [],
      unmet: [
        { reason: 'no-backup', fix: 'backup' },
        { reason: 'quotas-unknown', fix: 'quotas' },
        { reason: 'logging-unproven', fix: 'test-logging' },
        { reason: 'sample-missing', fix: 'sample', images: 3 },
      ],
    });
    expect(checkPreconditions('flush', without('records'), rules)).toEqual({
      kind: 'refuse',
      overridden: [],
      unmet: [{ reason: 'table-unread', fix: 'table' }],
    });
  });

  test('an unknown function is one unmet precondition, and says nothing about its code', () => {
    expect(checkPreconditions('flush', without('codeSha256', 'logging', 'sample'), rules)).toEqual({
      kind: 'refuse',
      overridden: [],
      unmet: [{ reason: 'function-unknown', fix: 'status' }],
    });
  });
});

test('only a restore at or after a flush undoes it', () => {
  expect(isUndone({ at: 7 }, undefined)).toBe(false);
  expect(isUndone({ at: 7 }, { kind: 'flush', at: 8 })).toBe(false);
  expect(isUndone({ at: 7 }, { kind: 'restore', at: 6 })).toBe(false);
  expect(isUndone({ at: 7 }, { kind: 'restore', at: 7 })).toBe(true);
});

test('stored proofs and resets are read as they were written, and nothing else is', () => {
  expect(proofSchema.parse(proof)).toEqual(proof);
  for (const name of ['codeSha256', 'at', 'by'] as const)
    expect(proofSchema.safeParse({ ...proof, [name]: undefined }).success, name).toBe(false);
  for (const kind of ['flush', 'restore'] as const)
    expect(tableResetSchema.parse({ kind, at: 7 })).toEqual({ kind, at: 7 });
  for (const wrong of [{ kind: '', at: 7 }, { kind: 'backup', at: 7 }, { kind: 'flush' }])
    expect(tableResetSchema.safeParse(wrong).success).toBe(false);
});

describe('other preconditions', () => {
  test('a start needs a flush of this checklist, or keep', () => {
    const done = { step: 'flush', state: 'done', by: 'U1', at: NOW } as const;
    expect(reasons('start', ready())).toEqual(['not-flushed']);
    expect(reasons('start', ready({ flush: { ...done, state: 'failed' } }))).toEqual(['not-flushed']);
    expect(reasons('start', ready({ flush: done }))).toEqual([]);
    expect(reasons('start', ready({ keep: true }))).toEqual([]);
  });

  test('a flush that a restore undid does not permit a start', () => {
    const flush = { step: 'flush', state: 'done', by: 'U1', at: NOW - HOUR } as const;
    expect(reasons('start', ready({ flush, reset: { kind: 'flush', at: NOW - 2 * HOUR } }))).toEqual([]);
    expect(reasons('start', ready({ flush, reset: { kind: 'restore', at: NOW } }))).toEqual(['restored-since']);
    expect(reasons('start', ready({ flush, keep: true, reset: { kind: 'restore', at: NOW } }))).toEqual([]);
    expect(reasons('start', ready({ flush: { ...flush, at: NOW + 1 }, reset: { kind: 'restore', at: NOW } }))).toEqual(
      [],
    );
  });

  test('a run is not resumed when the table was flushed or restored after it started', () => {
    const lastRun = { runId: 'r-1', startedAt: NOW - HOUR };
    expect(reasons('resume', ready({ lastRun }))).toEqual([]);
    expect(reasons('resume', ready({ lastRun, reset: { kind: 'flush', at: NOW - 2 * HOUR } }))).toEqual([]);
    for (const kind of ['flush', 'restore'] as const)
      expect(reasons('resume', ready({ lastRun, reset: { kind, at: NOW } }))).toEqual(['table-reset']);
  });

  test('a restore only needs that no run is active', () => {
    expect(reasons('restore', { now: NOW, overrides: [] })).toEqual([]);
    expect(reasons('restore', { now: NOW, overrides: [], activeRun: 'r-1' })).toEqual(['run-active']);
  });

  test('exactly the steps that the override command offers can be overridden', () => {
    const preconditions = checkPreconditions('flush', { now: NOW, codeSha256: 'code', overrides: [] }, rules);
    const able = preconditions.kind === 'refuse' ? preconditions.unmet.map(overridableStepOf) : [];
    expect(able).toEqual([undefined, 'quotas', 'test-logging', 'sample']);
  });
});
