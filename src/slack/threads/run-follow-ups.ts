import { z } from 'zod';
import type { ResultControl } from '../../checklist/contracts/result-control.ts';
import type { DiagnoseControl } from '../../checklist/results/diagnoses.ts';
import type { Clock, Random } from '../../lib/clock.ts';
import type { RunControl, RunLocation } from '../../run/model/run-control.ts';
import type { RunEvent, RunSnapshot } from '../../run/model/types.ts';
import type { FollowUp, FollowUps } from '../../state/follow-ups.ts';
import type { Lease } from '../../state/lease.ts';
import { classifySlackError } from '../client/slack-errors.ts';
import { createFollowUpRunner, type Step } from '../delivery/follow-up-runner.ts';
import type { PostWithPictures } from '../delivery/pictures.ts';
import { code } from '../messages/kit/escape.ts';
import { type Message, say } from '../messages/kit/message.ts';
import { diagnosisMessage } from '../messages/results/diagnosis-message.ts';
import { reportMessage } from '../messages/results/report-message.ts';
import type { ResultFiles } from '../requests/result-files.ts';

/** After these the bot tells by itself what came of the run: it is through, stopped by somebody, or stopped itself. */
const TOLD_AFTER = ['completed', 'stopped', 'tripped'] as const;
const FIRST_WAIT_MS = 1_000;
const LONGEST_WAIT_MS = 60_000;
const aboutSchema = z.object({ runId: z.string(), kind: z.enum(TOLD_AFTER) });
const isToldAfter = (kind: string): kind is (typeof TOLD_AFTER)[number] => TOLD_AFTER.some((told) => told === kind);

/** The errand of telling what came of a run. Of one end there is one errand, however often the end is heard of. */
export function aftermathOf({ kind, snapshot }: RunEvent): Pick<FollowUp, 'id' | 'about'> | undefined {
  if (!isToldAfter(kind)) return;
  const { runId, totals } = snapshot;
  const done = totals.processed + totals.rejected + totals.failed;
  return { id: `${runId}#${kind}#${done}#${totals.calls}`, about: { runId, kind } };
}

/** What is told of a run by itself once it has come to an end. */
export interface RunFollowUps {
  /**
   * Resolves when it is on record that the run's aftermath is to be told. Where the control table cannot be written it resolves at
   * once, as the run's own state comes first, and putting it on record is tried again.
   */
  handle(event: RunEvent): Promise<void> | undefined;
  /** Tells what is to be told, of this process and of ones before it, from now until `close`. */
  start(): void;
  /** Resolves when nothing is left that could be told now. */
  over(): Promise<void>;
  close(): void;
}

export interface AftermathPorts {
  results: Pick<ResultControl, 'report' | 'failures'>;
  diagnoses: DiagnoseControl;
  files: Pick<ResultFiles, 'shareFailures'>;
  runs: Pick<RunControl, 'location' | 'read'>;
  /** Posts a message; where Slack refuses its charts, they follow as pictures. */
  post: PostWithPictures;
  clock: Clock;
  onError: (error: unknown, message: string) => void;
}

/** Tells what came of a run, step by step: after a trip a diagnosis, then the report, then the failed images as CSV. */
export async function tellAftermath(followUp: FollowUp, step: Step, ports: AftermathPorts): Promise<void> {
  const about = aboutSchema.safeParse(followUp.about);
  if (!about.success) {
    ports.onError(about.error, `the errand ${followUp.id} cannot be read; it is passed over`);
    return;
  }
  const { runId, kind } = about.data;
  const run = await ports.runs.read(runId);
  const location = await ports.runs.location(runId);
  // It goes on: its next end tells of it.
  if (!run || !location || run.state.kind !== kind) return;

  if (kind === 'tripped')
    await step('diagnosis', async () => {
      const found = await ports.diagnoses.diagnose(runId);
      if (found.ok) await inThread(location, diagnosisMessage(found.value, ports.clock.now()), false);
    });
  await step('report', () => tellReport(run, location));
  if (run.totals.failed > 0 || kind === 'tripped') await step('csv', () => tellFailures(run, location));

  async function tellReport(run: RunSnapshot, location: RunLocation): Promise<void> {
    const report = await ports.results.report(run.runId);
    if (!report.ok) throw new Error(`No report of ${run.runId}: ${report.refusal.reason}`);
    const failures = await readFailures(run.runId);
    await failures.dispose();
    const about = { expected: report.value.expected, causes: failures.totals.causesInRun };
    await inThread(location, reportMessage(run, report.value, about), kind === 'completed');
  }

  async function readFailures(runId: string) {
    const found = await ports.results.failures(runId);
    if (!found.ok) throw new Error(`The failures of ${runId} cannot be read: ${found.refusal.reason}`);
    return found.value;
  }

  async function tellFailures({ runId }: RunSnapshot, location: RunLocation): Promise<void> {
    const failures = await readFailures(runId);
    try {
      if (failures.totals.images === 0) return;
      const { channel, ts: threadTs } = location;
      await ports.files.shareFailures(failures, { channel, ...(threadTs === undefined ? {} : { threadTs }) });
    } catch (error) {
      const trouble = classifySlackError(error);
      if (trouble.kind !== 'refused') throw error;
      ports.onError(error, `the failures of ${runId} were not uploaded`);
      await inThread(
        location,
        say(
          `The failed images could not be uploaded as CSV: Slack says ${code(trouble.code, 80)}.`,
          '`/rescan export failures` tries again.',
        ),
        false,
      );
    } finally {
      await failures.dispose();
    }
  }

  async function inThread({ channel, ts }: RunLocation, message: Message, broadcast: boolean): Promise<void> {
    await ports.post(channel, message, ts === undefined ? undefined : { ts, broadcast });
  }
}

export function createRunFollowUps(
  ports: AftermathPorts & {
    /** What is to be told, and the right to tell it. */
    afterwards: { readonly followUps: FollowUps; readonly lease: Lease };
    random: Random;
  },
): RunFollowUps {
  const { clock, random, onError } = ports;
  const closed = new AbortController();
  const runner = createFollowUpRunner({
    ...ports.afterwards,
    carryOut: (followUp, step) => tellAftermath(followUp, step, ports),
    clock,
    random,
    onError,
  });
  async function untilPut(put: () => Promise<void>, runId: string, error: unknown): Promise<void> {
    let last = error;
    for (let waitMs = FIRST_WAIT_MS; !closed.signal.aborted; waitMs = Math.min(LONGEST_WAIT_MS, waitMs * 2)) {
      onError(last, `that ${runId} is to be told of is not on record yet; it is tried again`);
      await clock.sleep(waitMs, closed.signal);
      try {
        return await put();
      } catch (again) {
        last = again;
      }
    }
  }
  return {
    handle(event) {
      const followUp = aftermathOf(event);
      if (!followUp) return;
      const at = Math.round(clock.now());
      const put = () => runner.put({ ...followUp, at });
      return put().catch((error: unknown) => void untilPut(put, event.snapshot.runId, error));
    },
    start: runner.start,
    over: runner.over,
    close() {
      closed.abort();
      runner.close();
    },
  };
}
