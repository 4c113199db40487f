import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import {
  checkPreconditions,
  type GuardedStep,
  overridableStepOf,
  type PreconditionFacts,
  type PreconditionRules,
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
