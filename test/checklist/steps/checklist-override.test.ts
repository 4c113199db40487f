import { describe, expect, test } from 'vitest';
import { audit, backup, freshForEachTest, open, stepOf } from './checklist-rig.ts';

freshForEachTest();

describe('a checklist', () => {
  test('an override applies in its own checklist only', async () => {
    const checklist = open({ lastBackup: async () => backup });
    await checklist.override('test-logging', 'U2', 'mended by hand');
    await checklist.override('sample', 'U2', 'known');
    expect(await checklist.preconditions('flush')).toMatchObject({
      kind: 'pass',
      overridden: [{ by: 'U2' }, { by: 'U2' }],
    });
    expect(await stepOf(checklist, 'sample')).toMatchObject({ overriddenBy: { by: 'U2', reason: 'known' } });
    await checklist.close('U1');
    await checklist.ensureOpen('U1');
    expect(await checklist.preconditions('flush')).toMatchObject({ kind: 'refuse' });
  });

  test('an override is in the audit log with its reason and what was unmet, or it does not apply', async () => {
    const checklist = open({ lastBackup: async () => backup });
    await checklist.override('sample', 'U2', 'known');
    expect(audit.written.at(-1)).toEqual({
      who: 'U2',
      what: 'override of sample in checklist c-0001',
      why: 'known',
      outcome: 'asked: to skip sample-missing',
    });
    audit.fail(new Error('down'));
    await expect(checklist.override('test-logging', 'U2', 'known')).rejects.toThrow('down');
    expect(await checklist.preconditions('flush')).toMatchObject({ unmet: [{ reason: 'logging-unproven' }] });
  });

  test('an override of a missing sample does not cover a sample that failed', async () => {
    const checklist = open({ lastBackup: async () => backup });
    await checklist.prove('logging', { by: 'U1', codeSha256: 'code' });
    await checklist.override('sample', 'U2', 'no time');
    expect((await checklist.preconditions('flush')).kind).toBe('pass');
    await checklist.prove('sample', { by: 'U1', codeSha256: 'code', images: 3, failed: 3 });
    expect(await checklist.preconditions('flush')).toMatchObject({ unmet: [{ reason: 'sample-failed' }] });
    expect(await stepOf(checklist, 'sample')).not.toHaveProperty('overriddenBy');
  });

  test('an override is refused when its step is met, and when the function cannot be read', async () => {
    expect(await open().override('quotas', 'U2', 'known')).toEqual({ ok: false, refusal: { reason: 'already-met' } });
    const blind = open({
      async codeSha256() {
        throw new Error('denied');
      },
    });
    expect(await blind.override('sample', 'U2', 'known')).toMatchObject({
      ok: false,
      refusal: { reason: 'fault', fault: { message: 'Error: denied' } },
    });
    expect(await blind.openId()).toBeUndefined();
  });
});
