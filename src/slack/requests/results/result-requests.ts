import type { DiffNow, ResultControl, RetryRequest } from '../../../checklist/contracts/result-control.ts';
import type { DiagnoseControl } from '../../../checklist/results/diagnoses.ts';
import type { Clock } from '../../../lib/clock.ts';
import { defined } from '../../../lib/defined.ts';
import type { DiffEntry } from '../../../results/diff/diff-entry.ts';
import type { EngineKind, PaceSetting } from '../../../run/model/types.ts';
import type { Requester } from '../../commands/command.ts';
import { type Message, withNote } from '../../messages/kit/message.ts';
import { fileErrorMessage } from '../../messages/refusals/file-errors.ts';
import { resultRefusalMessage } from '../../messages/refusals/result-refusals.ts';
import { diagnosisMessage } from '../../messages/results/diagnosis-message.ts';
import { diffMessage } from '../../messages/results/diff-message.ts';
import { failuresMessage } from '../../messages/results/failures-message.ts';
import { chartMessage } from '../../messages/results/report-message.ts';
import { validationMessage } from '../../messages/results/validation-message.ts';
import type { Answers } from '../answers.ts';
import { type PlanningPorts, showPlan } from '../plan-requests.ts';
import type { FilePlaces } from './file-places.ts';
import type { ResultFiles } from './result-files.ts';

type ChannelRequester = Pick<Requester, 'person' | 'channel'>;

/** Shows the results of a rescan, for commands and buttons. Each returns the answer to the requester, who can share it. */
export interface ResultRequests {
  showFailures(requester: ChannelRequester): Promise<Message | undefined>;
  /** Plans a run over these images and posts its preview. `what`: the images in plain text. */
  retry(setting: RetryRequest, what: string, requester: Requester, engine?: EngineKind): Promise<Message | undefined>;
  validate(
    request: { runId?: string; person?: string; seed?: number },
    requester: ChannelRequester,
  ): Promise<Message | undefined>;
  showDiff(backupId: string | undefined, requester: ChannelRequester): Promise<Message | undefined>;
  chart(requester: ChannelRequester): Promise<Message | undefined>;
  /** Of the last run if no run is named. */
  diagnose(requester: ChannelRequester, runId?: string): Promise<Message | undefined>;
}

const MOST_EXAMPLES = 5;

/** The removed and added entries that the message of a diff shows. */
export async function firstEntries(diff: Pick<DiffNow, 'entries'>): Promise<readonly DiffEntry[]> {
  const examples: DiffEntry[] = [];
  for await (const entry of diff.entries(['removed', 'added'])) {
    examples.push(entry);
    if (examples.length >= MOST_EXAMPLES) break;
  }
  return examples;
}

/** Below the result that a viewer asked for. */
const NOT_RECORDED =
  'This result is not recorded in the checklist, because the person who asked has read-only access. An operator records it with `/rescan validate`.';

export function createResultRequests(ports: {
  results: ResultControl;
  diagnoses: DiagnoseControl;
  answers: Pick<Answers, 'offer'>;
  places: Pick<FilePlaces, 'find'>;
  /** Whether this person may write a step of the checklist. */
  mayRecord: (person: string) => Promise<boolean>;
  files: Pick<ResultFiles, 'shareDiff'>;
  planning: PlanningPorts;
  pace: PaceSetting;
  clock: Clock;
}): ResultRequests {
  const { results, answers, clock, planning } = ports;
  return {
    async showFailures({ channel }) {
      const found = await results.failures();
      if (!found.ok) return resultRefusalMessage(found.refusal);
      try {
        return await answers.offer(channel, failuresMessage(found.value, clock.now()));
      } finally {
        await found.value.dispose();
      }
    },
    async retry(setting, what, requester, engine) {
      const { person: by, channel } = requester;
      const asked = { request: setting, what, paceSetting: ports.pace, ...defined({ engine }) };
      const planned = await results.planRetry({ ...asked, by, channel });
      return planned.ok ? showPlan(planned.value, requester, planning) : resultRefusalMessage(planned.refusal);
    },
    async validate(request, { person, channel }) {
      // A viewer may see the result; the step of the checklist is written by operators.
      const isRecorded = await ports.mayRecord(person);
      const found = await results.validate({ ...request, ...(isRecorded ? { recordAs: person } : {}) });
      if (!found.ok) return resultRefusalMessage(found.refusal);
      const message = validationMessage(found.value, clock.now());
      return answers.offer(channel, isRecorded ? message : withNote(message, NOT_RECORDED));
    },
    async showDiff(backupId, requester) {
      const found = await results.diff(defined({ backupId }));
      if (!found.ok) return resultRefusalMessage(found.refusal);
      const diff = found.value;
      try {
        const message = diffMessage(diff, await firstEntries(diff), clock.now());
        const { where, ...location } = await ports.places.find(requester);
        try {
          const shared = await ports.files.shareDiff(diff, location);
          const note = `The full list is in the CSV in ${where}.`;
          return await answers.offer(requester.channel, shared === 0 ? message : withNote(message, note));
        } catch (error) {
          const again = diff.scope ? '/rescan export diff' : `/rescan export diff ${diff.backup.id}`;
          const refused = fileErrorMessage(error, 'the changes', again);
          return await answers.offer(requester.channel, withNote(message, refused.text.split('\n').join(' ')));
        }
      } finally {
        await diff.dispose();
      }
    },
    async chart({ channel }) {
      const report = await results.report();
      if (!report.ok) return resultRefusalMessage(report.refusal);
      return answers.offer(channel, chartMessage(report.value.runId, report.value));
    },
    async diagnose({ channel }, runId) {
      const found = await ports.diagnoses.diagnose(runId);
      if (!found.ok) return resultRefusalMessage(found.refusal);
      return answers.offer(channel, diagnosisMessage(found.value, clock.now()));
    },
  };
}
