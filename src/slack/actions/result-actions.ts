import type { RetryRequest } from '../../checklist/contracts/result-control.ts';
import type { RestoreRowsForm } from '../forms/restore-rows-form.ts';
import { ACTION } from '../messages/kit/buttons.ts';
import { type Message, say } from '../messages/kit/message.ts';
import type { ResultFiles } from '../requests/result-files.ts';
import type { ResultRequests } from '../requests/result-requests.ts';
import type { Action } from './action.ts';

type ResultActionId =
  | typeof ACTION.showFailures
  | typeof ACTION.retry
  | typeof ACTION.exportFailures
  | typeof ACTION.putBack;

/** What a retry button holds: `all`, `unaccounted`, or `cause:ID`. */
export function readRetryValue(value: string): { setting: RetryRequest; what: string } | undefined {
  if (value === 'all') return { setting: { kind: 'failed', choice: {} }, what: 'every failed image' };
  if (value === 'unaccounted') return { setting: { kind: 'unaccounted' }, what: 'images that are not accounted for' };
  const [, causeId] = /^cause:([0-9a-f]{10})$/.exec(value) ?? [];
  return causeId === undefined
    ? undefined
    : { setting: { kind: 'failed', choice: { causeId } }, what: `cause ${causeId}` };
}

/** The buttons under what came of a rescan. */
export function resultActions(ports: {
  results: Pick<ResultRequests, 'showFailures' | 'retry'>;
  resultFiles: Pick<ResultFiles, 'failures'>;
  putBack: RestoreRowsForm;
}): Readonly<Record<ResultActionId, Action>> {
  const { results, resultFiles, putBack } = ports;
  return {
    [ACTION.showFailures]: { role: 'viewer', execute: (click) => results.showFailures(click) },
    [ACTION.retry]: {
      role: 'operator',
      async execute(click): Promise<Message | undefined> {
        const wanted = readRetryValue(click.value);
        return wanted
          ? results.retry(wanted.setting, wanted.what, click)
          : say('This button does not say which images: nothing was done. `/rescan failures` shows them.');
      },
    },
    [ACTION.exportFailures]: {
      role: 'viewer',
      execute: ({ channel, message }) => resultFiles.failures({ channel, threadTs: message.ts }),
    },
    [ACTION.putBack]: {
      role: 'operator',
      execute: (click) => putBack.open(click.triggerId, { backupId: click.value }, click),
    },
  };
}
