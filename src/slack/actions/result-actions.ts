import type { RetryRequest } from '../../checklist/contracts/result-control.ts';
import { defined } from '../../lib/defined.ts';
import { readLetterId } from '../../lib/letter-id.ts';
import { CAUSE_ID_LENGTH } from '../../results/failures/cause.ts';
import type { RunControl } from '../../run/model/run-control.ts';
import type { RestoreRowsForm } from '../forms/restore-rows-form.ts';
import { ACTION } from '../messages/kit/buttons.ts';
import { type Message, refuseWith } from '../messages/kit/message.ts';
import { retryOutdatedMessage } from '../messages/results/failures-message.ts';
import type { FilePlaces } from '../requests/results/file-places.ts';
import type { ResultFiles } from '../requests/results/result-files.ts';
import type { ResultRequests } from '../requests/results/result-requests.ts';
import type { Action } from './action.ts';

type ResultActionId =
  | typeof ACTION.showFailures
  | typeof ACTION.retry
  | typeof ACTION.diagnose
  | typeof ACTION.exportFailures
  | typeof ACTION.putBack;

/**
 * What a retry button holds: `all`, `unaccounted`, `without-rows`, or `cause:ID`; with `@r-0001` it is about the images of this
 * run, as long as no later run has changed what is failed or missing.
 */
export function readRetryValue(held: string): { setting: RetryRequest; what: string; runId?: string } | undefined {
  const [, value = '', runId] = /^([^@]*)(?:@(r-\d+))?$/.exec(held) ?? [];
  const request = readRetried(value);
  return request && defined({ ...request, runId });
}

function readRetried(value: string): { setting: RetryRequest; what: string } | undefined {
  if (value === 'all') return { setting: { kind: 'failed', choice: {} }, what: 'every failed image' };
  if (value === 'unaccounted') return { setting: { kind: 'unaccounted' }, what: 'images that are not accounted for' };
  if (value === 'without-rows')
    return { setting: { kind: 'unaccounted', withUnclear: true }, what: 'images that left no rows' };
  const [, given = ''] = /^cause:([a-z0-9]+)$/.exec(value) ?? [];
  const causeId = readLetterId(given, CAUSE_ID_LENGTH);
  return causeId === undefined
    ? undefined
    : { setting: { kind: 'failed', choice: { causeId } }, what: `cause ${causeId}` };
}

/** The buttons under the results of a rescan. */
export function resultActions(ports: {
  results: Pick<ResultRequests, 'showFailures' | 'retry' | 'diagnose'>;
  resultFiles: Pick<ResultFiles, 'failures'>;
  places: FilePlaces;
  putBack: RestoreRowsForm;
  runs: Pick<RunControl, 'current'>;
}): Readonly<Record<ResultActionId, Action>> {
  const { results, resultFiles, places, putBack, runs } = ports;
  const reading = { role: 'viewer', isAudited: true, isHeavy: () => true } as const;
  return {
    [ACTION.showFailures]: { ...reading, execute: (click) => results.showFailures(click) },
    [ACTION.diagnose]: {
      ...reading,
      execute: async (click) =>
        /^r-\d+$/.test(click.value)
          ? results.diagnose(click, click.value)
          : refuseWith(
              'Nothing was done: this button does not name its run. `/rescan diagnose` diagnoses the last run.',
            ),
    },
    [ACTION.retry]: {
      role: 'operator',
      async execute(click): Promise<Message | undefined> {
        const request = readRetryValue(click.value);
        if (!request)
          return refuseWith(
            'Nothing was done: this button does not name its images. `/rescan failures` lists the failed images.',
          );
        const { setting, what, runId } = request;
        const last = runId === undefined ? undefined : await runs.current();
        if (last === undefined || last.runId === runId) return results.retry(setting, what, click);
        await click.removeButtons();
        return retryOutdatedMessage(runId ?? '', last.runId);
      },
    },
    [ACTION.exportFailures]: {
      ...reading,
      async execute(click) {
        if (!click.isEphemeral) return resultFiles.failures({ channel: click.channel, threadTs: click.message.ts });
        return places.upload(await places.find(click), (location) => resultFiles.failures(location));
      },
    },
    [ACTION.putBack]: {
      role: 'operator',
      isHeavy: () => true,
      execute(click) {
        const [backupId = '', scopeId] = click.value.split('@');
        return putBack.open(click.triggerId, { backupId, ...defined({ scopeId }) }, click);
      },
    },
  };
}
