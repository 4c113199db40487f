import type { ResultControl, RetryRequest } from '../../checklist/contracts/result-control.ts';
import type { DiagnoseControl } from '../../checklist/results/diagnoses.ts';
import type { Clock } from '../../lib/clock.ts';
import type { DiffEntry } from '../../results/diff/diff-entry.ts';
import type { PaceSetting } from '../../run/model/types.ts';
import type { Requester } from '../commands/command.ts';
import type { Message } from '../messages/kit/message.ts';
import { resultRefusalMessage } from '../messages/refusals/result-refusals.ts';
import { diagnosisMessage } from '../messages/results/diagnosis-message.ts';
import { diffMessage } from '../messages/results/diff-message.ts';
import { failuresMessage } from '../messages/results/failures-message.ts';
import { chartMessage } from '../messages/results/report-message.ts';
import { validationMessage } from '../messages/results/validation-message.ts';
import { type PlanningPorts, showPlan } from './plan-requests.ts';
import type { ResultFiles } from './result-files.ts';

type Who = Pick<Requester, 'person' | 'channel'>;

/** Looking at what came of a rescan, for the commands and the buttons alike. Each answers what is to be told to the asker alone. */
export interface ResultRequests {
  showFailures(requester: Who): Promise<Message | undefined>;
  /** Plans a run over those images and shows its preview. `what`: in words. */
  retry(setting: RetryRequest, what: string, requester: Requester): Promise<Message | undefined>;
  validate(request: { runId?: string; person?: string; seed?: number }, requester: Who): Promise<Message | undefined>;
  showDiff(backupId: string | undefined, requester: Who): Promise<Message | undefined>;
  chart(requester: Who): Promise<Message | undefined>;
  diagnose(requester: Who): Promise<Message | undefined>;
}

const MOST_EXAMPLES = 5;

export function createResultRequests(ports: {
  results: ResultControl;
  diagnoses: DiagnoseControl;
  announce: (channel: string, message: Message) => Promise<void>;
  files: Pick<ResultFiles, 'shareDiff'>;
  planning: PlanningPorts;
  pace: PaceSetting;
  clock: Clock;
}): ResultRequests {
  const { results, announce, clock, planning } = ports;
  return {
    async showFailures({ channel }) {
      const found = await results.failures();
      if (!found.ok) return resultRefusalMessage(found.refusal);
      try {
        await announce(channel, failuresMessage(found.value, clock.now()));
        return undefined;
      } finally {
        await found.value.dispose();
      }
    },
    async retry(setting, what, requester) {
      const { person: by, channel } = requester;
      const planned = await results.planRetry({ setting, what, paceSetting: ports.pace, by, channel });
      return planned.ok ? showPlan(planned.value, requester, planning) : resultRefusalMessage(planned.refusal);
    },
    async validate(request, { person: by, channel }) {
      const found = await results.validate({ ...request, by });
      if (!found.ok) return resultRefusalMessage(found.refusal);
      await announce(channel, validationMessage(found.value, clock.now()));
      return undefined;
    },
    async showDiff(backupId, { channel }) {
      const found = await results.diff(backupId);
      if (!found.ok) return resultRefusalMessage(found.refusal);
      const diff = found.value;
      try {
        const examples: DiffEntry[] = [];
        for await (const entry of diff.entries()) {
          examples.push(entry);
          if (examples.length >= MOST_EXAMPLES) break;
        }
        await announce(channel, diffMessage(diff, examples, clock.now()));
        await ports.files.shareDiff(diff, { channel });
        return undefined;
      } finally {
        await diff.dispose();
      }
    },
    async chart({ channel }) {
      const report = await results.report();
      if (!report.ok) return resultRefusalMessage(report.refusal);
      await announce(channel, chartMessage(report.value.runId, report.value));
      return undefined;
    },
    async diagnose({ channel }) {
      const found = await ports.diagnoses.diagnose();
      if (!found.ok) return resultRefusalMessage(found.refusal);
      await announce(channel, diagnosisMessage(found.value, clock.now()));
      return undefined;
    },
  };
}
