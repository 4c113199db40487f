import type { DiagnoseControl } from '../checklist/diagnoses.ts';
import type { ResultControl } from '../checklist/result-control.ts';
import type { CauseTotals } from '../rescan/failure-totals.ts';
import type { RunControl, RunPlace } from '../rescan/run-control.ts';
import type { RunEvent, RunSnapshot } from '../rescan/types.ts';
import type { Chat } from './chat.ts';
import { diagnosisMessage } from './messages/diagnosis-message.ts';
import { reportMessage } from './messages/report-message.ts';
import type { ResultFiles } from './result-files.ts';

/** What is told of a run by itself once it has ended: its report, a diagnosis after a trip, the failed images as CSV. */
export interface RunAftermath {
  /** Returns at once; what it begins is `over` when it has been told. */
  hear(event: RunEvent): void;
  /** Resolves when nothing is being told any more. */
  over(): Promise<void>;
}

export function createRunAftermath(ports: {
  results: ResultControl;
  diagnoses: DiagnoseControl;
  files: Pick<ResultFiles, 'shareFailures'>;
  runs: Pick<RunControl, 'place'>;
  chat: Pick<Chat, 'post'>;
  region: string;
  onTrouble: (error: unknown, message: string) => void;
}): RunAftermath {
  const { results, chat } = ports;
  let telling: Promise<void> = Promise.resolve();

  const inThread = (place: RunPlace) => (place.ts === undefined ? {} : { threadTs: place.ts });

  /** The failed images as CSV, if there are any; the causes, for the report. */
  async function shareFailures(
    place: RunPlace,
    tell: (causes: readonly CauseTotals[]) => Promise<void>,
  ): Promise<void> {
    const found = await results.failures();
    if (!found.ok) return tell([]);
    try {
      const { totals } = found.value;
      await tell(totals.causes.top.map(({ totals: cause }) => cause));
      if (totals.images > 0)
        await ports.files.shareFailures(found.value, { channel: place.channel, ...inThread(place) });
    } finally {
      await found.value.dispose();
    }
  }

  async function afterCompletion(run: RunSnapshot, place: RunPlace): Promise<void> {
    const report = await results.report(run.runId);
    if (!report.ok) return;
    await shareFailures(place, async (causes) => {
      const { expected } = report.value;
      await post(place, reportMessage(run, report.value, { expected, causes }), true);
    });
  }

  async function afterTrip(place: RunPlace): Promise<void> {
    await shareFailures(place, async () => {
      const found = await ports.diagnoses.diagnose();
      if (found.ok) await post(place, diagnosisMessage(found.value, ports.region), false);
    });
  }

  const post = (place: RunPlace, message: Parameters<Chat['post']>[1], broadcast: boolean) =>
    chat.post(place.channel, message, place.ts === undefined ? undefined : { ts: place.ts, broadcast });

  async function tell(event: RunEvent): Promise<void> {
    const { snapshot: run } = event;
    const place = await ports.runs.place(run.runId);
    if (!place) return;
    if (event.kind === 'completed') await afterCompletion(run, place);
    if (event.kind === 'tripped') await afterTrip(place);
  }

  return {
    hear(event) {
      if (event.kind !== 'completed' && event.kind !== 'tripped') return;
      telling = telling
        .then(() => tell(event))
        .catch((error: unknown) => ports.onTrouble(error, `what came of ${event.snapshot.runId} was not told`));
    },
    over: () => telling,
  };
}
