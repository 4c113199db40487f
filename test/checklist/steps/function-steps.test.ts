import { describe, expect, test } from 'vitest';
import type { TableJob } from '../../../src/checklist/contracts/table-control.ts';
import { createFunctionSteps } from '../../../src/checklist/steps/function-steps.ts';
import type { Invocation } from '../../../src/pipeline/invoke/invocation.ts';
import { flushJob } from '../../support/messages/table-builders.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const FAILED: Invocation = {
  requestId: 'r-1',
  result: { kind: 'outcome', outcome: { kind: 'failed', failureType: 'OCR_ERROR', message: 'NoSuchKey' } },
};
const unused = (): never => {
  throw new Error('It is not asked for.');
};

/** The steps on a function whose logging works. `codes`: the code of the function at each read. */
function stepsOn(world: { job?: TableJob; codes?: string[]; isDeploying?: boolean; endFails?: boolean }) {
  const clock = createFakeClock();
  const codes = [...(world.codes ?? ['code'])];
  const done: string[] = [];
  const steps = createFunctionSteps({
    checklist: {
      begin: async (step) => ({
        async end(state) {
          if (world.endFails && state === 'done') throw new Error('The control table does not answer.');
          done.push(`${step} ${state}`);
        },
        leave: async () => {},
      }),
      prove: async (of, { codeSha256 }) => void done.push(`${of} proven of ${codeSha256}`),
      disprove: async (of) => void done.push(`${of} disproven`),
    },
    logging: {
      clock,
      uniqueName: () => 'one',
      async invoke(imageKey) {
        done.push(`invoked ${imageKey}`);
        return FAILED;
      },
      findRecords: async () => ({ key: 'k', attributes: [], remove: async () => void done.push('removed') }),
      searchRecords: unused,
      readLog: unused,
      pendingTests: { add: async () => {}, remove: async () => {}, list: unused },
      readFault: unused,
    },
    sample: {
      clock,
      random: unused,
      listImages: unused,
      invoke: unused,
      lookUpRows: unused,
      rowsWaitMs: 60_000,
    },
    sampleImages: 3,
    readQuotaReport: unused,
    exclusive: {
      lease: { acquire: unused, look: unused, start: unused, release: unused, holds: unused },
      activeRun: unused,
      currentJob: async () => world.job,
      stopFile: '/tmp/STOP',
      stopFileExists: unused,
    },
    isDeploying: async () => world.isDeploying ?? false,
    codeSha256: async () => (codes.length > 1 ? codes.shift() : codes[0]) ?? '',
    readFault: unused,
    warn: () => {},
  });
  return { steps, done };
}

describe('the test of failure logging', () => {
  test('a logging test proves the code that was deployed before and after it', async () => {
    const { steps, done } = stepsOn({});
    expect(await steps.testLogging('U1')).toMatchObject({ ok: true, value: { kind: 'proven' } });
    expect(done).toEqual(['invoked INVALID_IMAGE-one.png', 'removed', 'logging proven of code', 'test-logging done']);
  });

  test('a logging test proves nothing when the function changed during the test', async () => {
    const { steps, done } = stepsOn({ codes: ['former', 'other'] });
    await steps.testLogging('U1');
    expect(done).toContain('logging disproven');
  });

  test('a logging test whose result the control table does not store is answered with its result', async () => {
    const { steps, done } = stepsOn({ endFails: true });
    expect(await steps.testLogging('U1')).toMatchObject({ ok: true, value: { kind: 'proven' } });
    expect(done).not.toContain('test-logging failed');
  });

  test('neither a logging test nor a sample invokes a function whose deploy is not finished, also after its process died', async () => {
    const { steps, done } = stepsOn({ isDeploying: true });
    expect(await steps.testLogging('U1')).toEqual({ ok: false, refusal: { reason: 'step-active' } });
    expect(await steps.sample('U1')).toEqual({ ok: false, refusal: { reason: 'step-active' } });
    expect(done).toEqual([]);
  });

  test('a logging test is refused during a flush or restore', async () => {
    const { steps, done } = stepsOn({ job: flushJob() });
    expect(await steps.testLogging('U1')).toMatchObject({ ok: false, refusal: { reason: 'job-active' } });
    expect(done).toEqual([]);
  });
});
