import { z } from 'zod';
import type { ResultControl } from '../../checklist/contracts/result-control.ts';
import type { DiagnoseControl } from '../../checklist/results/diagnoses.ts';
import { retryUntilAborted } from '../../lib/async/backoff.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import { defined } from '../../lib/defined.ts';
import type { RunControl, RunLocation } from '../../run/model/run-control.ts';
import type { RunEvent, RunSnapshot } from '../../run/model/types.ts';
import { numbersOf } from '../../run/rules/numbers.ts';
import { doneOf } from '../../run/rules/totals.ts';
import type { FollowUp, FollowUps } from '../../state/follow-ups.ts';
import type { Lease } from '../../state/lease.ts';
import { type Chat, onceIdOf, postInThreadOrChannel } from '../client/chat.ts';
import { isTemporaryShareError } from '../client/file-upload.ts';
import { classifySlackError, isFirstPostDeleted } from '../client/slack-errors.ts';
import { createFollowUpRunner, type Step } from '../delivery/follow-up-runner.ts';
import type { IsDeleted } from '../delivery/message-locations.ts';
import { code } from '../messages/kit/escape.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { resultRefusalMessage } from '../messages/refusals/result-refusals.ts';
import { diagnosisMessage } from '../messages/results/diagnosis-message.ts';
import { diffMessage } from '../messages/results/diff-message.ts';
import { reportMessage } from '../messages/results/report-message.ts';
import type { FileLocation, ResultFiles } from '../requests/results/result-files.ts';
import { firstEntries } from '../requests/results/result-requests.ts';

/** The ends of a run that have a follow-up. */
const ENDS_WITH_FOLLOW_UP = ['completed', 'stopped', 'tripped'] as const;
type EndWithFollowUp = (typeof ENDS_WITH_FOLLOW_UP)[number];
const aboutSchema = z.object({ runId: z.string(), kind: z.enum(ENDS_WITH_FOLLOW_UP) });
const hasFollowUp = (kind: string): kind is EndWithFollowUp => ENDS_WITH_FOLLOW_UP.some((end) => end === kind);

const STORE_LIMITS = { baseMs: 1_000, maxMs: 60_000 };

/** The follow-up of an event; undefined if it has none. Two events of the same end of a run have the same id. */
function followUpOf({ kind, snapshot }: RunEvent): Pick<FollowUp, 'id' | 'about'> | undefined {
  if (!hasFollowUp(kind)) return;
  const { runId, totals } = snapshot;
  const done = doneOf(totals);
  return { id: `${runId}#${kind}#${done}#${totals.calls}`, about: { runId, kind } };
}

/** Posts the results of a run that ended into its thread: diagnosis, report, CSV. */
export interface RunFollowUps {
  /**
   * Resolves when the follow-up of this event is stored. When the control table cannot be written it resolves at once and
   * the store is retried: the run's own state must not wait for it. Undefined when the event has no follow-up.
   */
  handle(event: RunEvent): Promise<void> | undefined;
  /** Executes follow-ups, those of earlier processes included, until `close`. */
  start(): void;
  /** Resolves when no follow-up is left that could be executed now. */
  idle(): Promise<void>;
  close(): void;
}

export interface FollowUpPorts {
  readonly results: Pick<ResultControl, 'report' | 'failures' | 'changes'>;
  readonly diagnoses: DiagnoseControl;
  readonly files: Pick<ResultFiles, 'shareFailures'>;
  readonly runs: Pick<RunControl, 'location' | 'read'>;
  readonly chat: Pick<Chat, 'post'>;
  readonly isDeleted: IsDeleted;
  readonly clock: Clock;
  readonly onError: (error: unknown, message: string) => void;
}

/** After a trip the diagnosis; then the report; then, if images failed, the CSV of the failed images. Each is one step. */
async function executeFollowUp(followUp: FollowUp, step: Step, ports: FollowUpPorts): Promise<void> {
  const about = aboutSchema.safeParse(followUp.about);
  if (!about.success) {
    ports.onError(about.error, `The follow-up ${followUp.id} cannot be read. It is skipped.`);
    return;
  }
  const { runId, kind } = about.data;
  const run = await ports.runs.read(runId);
  const location = await ports.runs.location(runId);
  // The run was resumed: its next end has a follow-up of its own.
  if (!run || !location || run.state.kind !== kind) return;
  const thread = await threadOf(location, followUp.id, ports);

  if (kind === 'tripped')
    await step('diagnosis', async () => {
      const found = await ports.diagnoses.diagnose(runId);
      if (found.ok) await thread.post('diagnosis', diagnosisMessage(found.value, ports.clock.now()));
    });
  await step('report', () => postReport(run, thread, ports));
  if (kind === 'completed') await step('changes', () => postChanges(run, thread, ports));
  if (numbersOf(run).toRetry > 0 || kind === 'tripped') await step('csv', () => shareFailures(run, thread, ports));
}

/** Where the results of a run are posted. */
interface ResultThread {
  /** Posts the message of this step. A repetition, because the answer of Slack or the mark of the step was lost, posts none. */
  post(step: string, message: Message): Promise<void>;
  readonly location: () => FileLocation;
}

/**
 * The thread of a run. When its first message was deleted, the first result is posted in the channel and the others in the
 * thread of that one.
 */
async function threadOf(
  { channel, ts }: RunLocation,
  followUpId: string,
  { chat, isDeleted }: FollowUpPorts,
): Promise<ResultThread> {
  let threadTs = ts === undefined || (await isDeleted({ channel, ts })) ? undefined : ts;
  return {
    async post(step, message) {
      const thread = threadTs === undefined ? undefined : { ts: threadTs, broadcast: false };
      const onceId = onceIdOf(`${followUpId} ${step}`, channel);
      const post = (target: typeof thread) => chat.post(channel, message, target, onceId);
      try {
        const posted = await postInThreadOrChannel(post, thread, () => {
          threadTs = undefined;
        });
        threadTs ??= posted;
      } catch (error) {
        // Somebody has read it and deleted it.
        if (!isFirstPostDeleted(error)) throw error;
      }
    },
    location: () => defined({ channel, threadTs }),
  };
}

async function postReport(run: RunSnapshot, thread: ResultThread, ports: FollowUpPorts): Promise<void> {
  const report = await ports.results.report(run.runId);
  if (!report.ok) throw new Error(`The report of ${run.runId} cannot be made: ${report.refusal.reason}.`);
  const failures = await readFailures(run.runId, ports);
  await failures.dispose();
  const about = { expected: report.value.expected, causes: failures.totals.causesInRun };
  await thread.post('report', reportMessage(run, report.value, about));
}

/** What a run over a scope changed for its people. Other runs have no such message. */
async function postChanges({ runId }: RunSnapshot, thread: ResultThread, ports: FollowUpPorts): Promise<void> {
  const found = await ports.results.changes(runId);
  if (!found.ok) {
    const { refusal } = found;
    if (refusal.reason === 'table' && refusal.refusal.reason === 'fault')
      throw new Error(`The changes of ${runId} cannot be read: ${refusal.refusal.fault.message}`);
    return thread.post('changes', resultRefusalMessage(refusal));
  }
  const changes = found.value;
  if (!changes) return;
  try {
    await thread.post('changes', diffMessage(changes, await firstEntries(changes), ports.clock.now()));
  } finally {
    await changes.dispose();
  }
}

async function readFailures(runId: string, { results }: FollowUpPorts) {
  const found = await results.failures(runId);
  if (!found.ok) throw new Error(`The failures of ${runId} cannot be read: ${found.refusal.reason}.`);
  return found.value;
}

async function shareFailures({ runId }: RunSnapshot, thread: ResultThread, ports: FollowUpPorts): Promise<void> {
  const failures = await readFailures(runId, ports);
  try {
    if (failures.totals.images === 0) return;
    await ports.files.shareFailures(failures, thread.location());
  } catch (error) {
    if (isTemporaryShareError(error)) throw error;
    ports.onError(error, `The CSV of the failed images of ${runId} was not uploaded.`);
    const failure = classifySlackError(error);
    const reason =
      failure.kind === 'refused'
        ? `Slack answered ${code(failure.code, 80)}.`
        : code(error instanceof Error ? error.message : String(error), 200);
    await thread.post(
      'csv',
      say(`The CSV of the failed images could not be uploaded. ${reason}`, 'To try again: `/rescan export failures`.'),
    );
  } finally {
    await failures.dispose();
  }
}

export function createRunFollowUps(
  ports: FollowUpPorts & {
    readonly followUps: FollowUps;
    /** Its holder executes the follow-ups. */
    readonly lease: Lease;
    readonly random: Random;
  },
): RunFollowUps {
  const { clock, random, onError } = ports;
  const runner = createFollowUpRunner({
    followUps: ports.followUps,
    lease: ports.lease,
    execute: (followUp, step) => executeFollowUp(followUp, step, ports),
    clock,
    random,
    onError,
  });

  async function store(followUp: Pick<FollowUp, 'id' | 'at' | 'about'>): Promise<void> {
    const onStoreError = (error: unknown) =>
      onError(error, `The follow-up ${followUp.id} cannot be stored. It will be retried.`);
    try {
      await runner.put(followUp);
    } catch (error) {
      onStoreError(error);
      const retry = { ...STORE_LIMITS, clock, random, onError: onStoreError };
      void retryUntilAborted(retry, () => runner.put(followUp), runner.closed).catch((lastError: unknown) =>
        onError(lastError, `The follow-up ${followUp.id} was not stored before the shutdown.`),
      );
    }
  }

  return {
    handle(event) {
      const followUp = followUpOf(event);
      return followUp && store({ ...followUp, at: Math.round(clock.now()) });
    },
    start: runner.start,
    idle: runner.idle,
    close: runner.close,
  };
}
