import { type Result, refuse, settle } from '../../lib/result.ts';
import { FaultError } from '../../pipeline/fault.ts';
import type { Fault } from '../../pipeline/invoke/invocation.ts';
import type { QuotaReport } from '../contracts/quota-report.ts';
import type { LoggingResult, StepControl, StepRefusal } from '../contracts/step-control.ts';
import { cleanUpTests } from '../logging-test/clean-up-tests.ts';
import { type LoggingTestPorts, testLogging } from '../logging-test/logging-test.ts';
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
  /** Whether a deploy or rollback is not finished, by any process. */
  readonly isDeploying: () => Promise<boolean>;
  readonly codeSha256: () => Promise<string>;
  readonly readFault: (error: unknown) => Fault;
  readonly warn: (message: string, cause: unknown) => void;
}

export interface FunctionSteps extends StepControl {
  /** Deletes the failure records that earlier tests left, now and every 5 minutes. */
  standBy(): void;
  shutDown(): Promise<void>;
}

const CLEAN_UP_EVERY_MS = 5 * 60_000;

/** The steps on the function: its quotas, the test of its failure logging, and the sample. */
export function createFunctionSteps(ports: FunctionStepsPorts): FunctionSteps {
  const { checklist } = ports;
  const { clock } = ports.logging;
  const closing = new AbortController();
  let cleaning: Promise<void> | undefined;

  /** A flush or restore that is running: it would take a record of a test for a difference from the backup. */
  async function runningTableJob() {
    const job = await ports.exclusive.currentJob();
    return job?.work.kind === 'backup' ? undefined : job;
  }

  async function keepCleaning(): Promise<void> {
    const isTableBusy = async () => (await runningTableJob()) !== undefined;
    while (!closing.signal.aborted) {
      await cleanUpTests({ ...ports.logging, isTableBusy }).catch((error) =>
        ports.warn('the failure records of earlier logging tests were not all deleted', error),
      );
      await clock.sleep(CLEAN_UP_EVERY_MS, closing.signal);
    }
  }

  /**
   * Records the step as running during the work, and then its finding. An error of the work becomes a refusal; a finding that
   * cannot be stored does not change the answer.
   */
  async function recorded<T>(
    step: 'quotas' | 'test-logging' | 'sample',
    by: string,
    work: () => Promise<T>,
    findingOf: (result: T) => { state: 'done' | 'failed'; found: StepFinding },
  ): Promise<Result<T, StepRefusal>> {
    const running = await checklist.begin(step, by);
    const end = (...result: Parameters<typeof running.end>) =>
      running.end(...result).catch((error: unknown) => ports.warn(`the result of step ${step} is not stored`, error));
    const done = await settle(work);
    if (done.ok) {
      const { state, found } = findingOf(done.value);
      await end(state, found);
      return done;
    }
    const error = done.refusal;
    ports.warn(`step ${step} failed`, error);
    const fault = error instanceof FaultError ? error.fault : ports.readFault(error);
    await end('failed', { kind: 'error', message: fault.message });
    return refuse(error instanceof EmptySampleError ? { reason: 'no-images' } : { reason: 'fault', fault });
  }

  /** Proven only if the code was the same before and after the test. */
  async function testAndProve(by: string): Promise<LoggingResult> {
    const before = await ports.codeSha256();
    const result = await testLogging(ports.logging);
    const isProven = result.kind === 'proven' && (await ports.codeSha256()) === before;
    if (isProven) await checklist.prove('logging', { by, codeSha256: before });
    else if (result.kind !== 'no-answer') await checklist.disprove('logging');
    return result;
  }

  return {
    quotas: (by) =>
      recorded('quotas', by, ports.readQuotaReport, ({ pacePerMinute, blocking }) => ({
        state: blocking.length === 0 ? 'done' : 'failed',
        found: { kind: 'quotas', pacePerMinute, blocking: blocking.map(({ limit }) => limit) },
      })),
    async testLogging(by) {
      if (await ports.isDeploying()) return refuse({ reason: 'step-active' });
      const job = await runningTableJob();
      if (job) return refuse({ reason: 'job-active', job });
      return recorded(
        'test-logging',
        by,
        () => testAndProve(by),
        (result) => ({
          state: result.kind === 'proven' ? 'done' : 'failed',
          found: { kind: 'logging', result: result.kind === 'write-refused' ? result.refusal : result.kind },
        }),
      );
    },
    async sample(by) {
      if (await ports.isDeploying()) return refuse({ reason: 'step-active' });
      const tried = await exclusively(ports.exclusive, () =>
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
      return tried.ok ? tried.value : tried;
    },
    standBy() {
      cleaning = keepCleaning();
    },
    async shutDown() {
      closing.abort(new Error('The bot shuts down'));
      await cleaning;
    },
  };
}
