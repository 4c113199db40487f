import type { Result } from '../../lib/result.ts';
import { FaultError } from '../../pipeline/fault.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { QuotaReport } from '../contracts/quota-report.ts';
import type { StepControl, StepRefusal } from '../contracts/step-control.ts';
import { cleanUpTests } from '../logging-test/clean-up-tests.ts';
import { type LoggingResult, type LoggingTestPorts, testLogging } from '../logging-test/logging-test.ts';
import type { PendingTests } from '../logging-test/pending-tests.ts';
import type { StepFinding } from '../model/step.ts';
import type { Checklist } from './checklist.ts';
import { type ExclusivePorts, exclusively } from './exclusive.ts';
import { EmptySampleError, type SamplePorts, trySample } from './sample.ts';

export interface FunctionStepsPorts {
  readonly checklist: Pick<Checklist, 'begin' | 'prove' | 'disprove'>;
  readonly logging: LoggingTestPorts & { readonly pendingTests: PendingTests };
  readonly sample: SamplePorts;
  readonly sampleImages: number;
  readonly readQuotaReport: () => Promise<QuotaReport>;
  readonly exclusive: ExclusivePorts;
  readonly codeSha256: () => Promise<string>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

export interface FunctionSteps extends StepControl {
  /** Takes out what tests left behind whose process died; now and from then on. */
  standBy(): void;
  shutDown(): Promise<void>;
}

const SWEEP_EVERY_MS = 5 * 60_000;

/** The steps on the function: its quotas, the test of its failure logging, and the sample. */
export function createFunctionSteps(ports: FunctionStepsPorts): FunctionSteps {
  const { checklist } = ports;
  const { clock } = ports.logging;
  const over = new AbortController();
  let sweeping: Promise<void> | undefined;

  /** A flush or a restore under way: a record that comes or goes beside it would be taken for a difference. */
  async function tableJob() {
    const job = await ports.exclusive.currentJob();
    return job?.work.kind === 'backup' ? undefined : job;
  }

  async function keepSwept(): Promise<void> {
    const isTableBusy = async () => (await tableJob()) !== undefined;
    while (!over.signal.aborted) {
      await cleanUpTests({ ...ports.logging, isTableBusy }).catch((error) =>
        ports.warn('what a test left behind is not taken out yet', error),
      );
      await clock.sleep(SWEEP_EVERY_MS, over.signal);
    }
  }

  /** Keeps the step on record while it is done, and what it came to afterwards; what is thrown is a refusal. */
  async function recorded<T>(
    step: 'quotas' | 'test-logging' | 'sample',
    by: string,
    work: () => Promise<T>,
    readResult: (result: T) => { state: 'done' | 'failed'; found: StepFinding },
  ): Promise<Result<T, StepRefusal>> {
    const underWay = await checklist.begin(step, by);
    try {
      const result = await work();
      const { state, found } = readResult(result);
      await underWay.end(state, found);
      return { ok: true, value: result };
    } catch (error) {
      ports.warn(`step ${step} could not be done`, error);
      const fault = error instanceof FaultError ? error.fault : ports.readFault(error);
      await underWay.end('failed', { kind: 'error', message: fault.message });
      return error instanceof EmptySampleError
        ? { ok: false, refusal: { reason: 'no-images' } }
        : { ok: false, refusal: { reason: 'fault', fault } };
    }
  }

  return {
    quotas: (by) =>
      recorded('quotas', by, ports.readQuotaReport, ({ pacePerMinute, blocking }) => ({
        state: blocking.length === 0 ? 'done' : 'failed',
        found: { kind: 'quotas', pacePerMinute, blocking: blocking.map(({ limit }) => limit) },
      })),
    async testLogging(by) {
      const job = await tableJob();
      if (job) return { ok: false, refusal: { reason: 'job-active', job } };
      return recorded(
        'test-logging',
        by,
        async () => {
          // Before and after: what was proven is proven of one code.
          const before = await ports.codeSha256();
          const result = await testLogging(ports.logging);
          const isProven = result.kind === 'proven' && (await ports.codeSha256()) === before;
          if (isProven) await checklist.prove('logging', { by, codeSha256: before });
          else if (result.kind !== 'no-answer') await checklist.disprove('logging');
          return result;
        },
        (result) => ({
          state: result.kind === 'proven' ? 'done' : 'failed',
          found: { kind: 'logging', result: loggingWord(result) },
        }),
      );
    },
    async sample(by) {
      const taken = await exclusively(ports.exclusive, () =>
        recorded(
          'sample',
          by,
          async () => {
            const codeSha256 = await ports.codeSha256();
            const result = await trySample(ports.sampleImages, ports.sample);
            const { images, failed, isAll } = result;
            await checklist.prove('sample', { by, codeSha256, images: images.length, failed, isAll });
            return result;
          },
          ({ images, failed }) => ({
            state: failed === 0 ? 'done' : 'failed',
            found: { kind: 'sample', images: images.length, failed },
          }),
        ),
      );
      return 'inTheWay' in taken ? { ok: false, refusal: taken.inTheWay } : taken.done;
    },
    standBy() {
      sweeping = keepSwept();
    },
    async shutDown() {
      over.abort(new Error('The bot shuts down'));
      await sweeping;
    },
  };
}

/** What a test found, in the one word that is kept of it. */
const loggingWord = (result: LoggingResult): string => (result.kind === 'write-refused' ? result.refusal : result.kind);
