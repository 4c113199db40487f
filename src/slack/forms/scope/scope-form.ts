import type { ScopeControl } from '../../../checklist/contracts/scope-control.ts';
import { readColumn } from '../../../lib/csv/read.ts';
import type { ScopeRequest } from '../../../run/scope/scope.ts';
import { FileDownloadError, ForeignFileHostError } from '../../client/file-download.ts';
import { setScope } from '../../commands/checklist/scope-command.ts';
import type { Requester } from '../../commands/command.ts';
import { code } from '../../messages/kit/escape.ts';
import { count } from '../../messages/kit/format.ts';
import { type Message, refuseWith, say } from '../../messages/kit/message.ts';
import type { ModalView } from '../change-plan-view.ts';
import type { UploadedFile } from '../deploy-forms.ts';
import { fillForm } from '../fill-form.ts';
import type { FormHandler } from '../form.ts';
import { loadingView } from '../table-views.ts';
import { readScopeChannel, readScopeForm, SCOPE_FIELD, scopeView } from './scope-view.ts';

/** The form in which the scope of a rescan is chosen. */
export interface ScopeForm {
  open(triggerId: string, requester: Requester): Promise<Message | undefined>;
  /** Sets the scope, with the keys of an uploaded file. */
  set(request: ScopeRequest, file: UploadedFile | undefined, requester: Requester): Promise<Message | undefined>;
}

const TITLE = 'Scope of the rescan';
/** The limit of Slack's file input. */
const MOST_BYTES = 10 * 1024 * 1024;
const MOST_KEYS = 100_000;
/** The column of the CSVs of failures, outcomes and runs. */
const COLUMN = 'ImageKey';

export function createScopeForm(ports: {
  scope: ScopeControl;
  openView: (triggerId: string, view: ModalView) => Promise<string>;
  updateView: (viewId: string, view: ModalView) => Promise<void>;
  download: (url: string) => Promise<Uint8Array>;
}): ScopeForm {
  return {
    async open(triggerId, requester) {
      const viewId = await ports.openView(triggerId, loadingView(TITLE, 'Reading the scope…'));
      const read = async () => scopeView(requester.channel, (await ports.scope.current())?.criteria, ports.scope.lacks);
      return fillForm({ viewId, title: TITLE }, read, ports.updateView, requester);
    },
    async set(request, file, requester) {
      const keys = file ? await keysOf(file, ports.download) : undefined;
      if (keys && 'text' in keys) return keys;
      const images = [...new Set([...(request.images ?? []), ...(keys ?? [])])];
      if (images.length > MOST_KEYS)
        return refuseWith(`The scope was not set: a list has up to ${count(MOST_KEYS)} images.`);
      await requester.reply(say('Reading the table and the bucket…'));
      return setScope(images.length === 0 ? request : { ...request, images }, requester, ports.scope);
    },
  };
}

/** The keys of an uploaded file, or why there are none. */
async function keysOf(
  { name, bytes, url }: UploadedFile,
  download: (url: string) => Promise<Uint8Array>,
): Promise<ReadonlySet<string> | Message> {
  const refused = (why: string) => refuseWith(`The scope was not set: ${code(name, 150)} ${why}`);
  if (bytes > MOST_BYTES) return refused('is larger than 10 MB.');
  let content: Uint8Array;
  try {
    content = await download(url);
  } catch (error) {
    if (error instanceof ForeignFileHostError)
      return refused(
        'is not stored on Slack’s servers. Upload it from your computer, not as a link to another service.',
      );
    if (error instanceof FileDownloadError)
      return refused(
        `was not delivered by Slack (HTTP ${error.status}). Check that the app has the scope \`files:read\`.`,
      );
    throw error;
  }
  const keys = new Set<string>();
  for (const key of readColumn(new TextDecoder().decode(content), COLUMN)) {
    keys.add(key);
    if (keys.size > MOST_KEYS) return refused(`names more than ${count(MOST_KEYS)} images.`);
  }
  return keys.size === 0 ? refused('names no image.') : keys;
}

/** The submission of the form. */
export const chooseScope = (form: Pick<ScopeForm, 'set'>): FormHandler => ({
  role: 'operator',
  isHeavy: true,
  read({ privateMetadata, values }) {
    const channel = readScopeChannel(privateMetadata);
    const filled = readScopeForm(values);
    if (channel === undefined || !filled) return;
    const { request, file } = filled;
    if (Object.keys(request).length === 0 && !file)
      return { kind: 'errors', errors: { [SCOPE_FIELD.people]: 'Choose people, days or images.' } };
    if (request.from !== undefined && request.to !== undefined && request.from > request.to)
      return { kind: 'errors', errors: { [SCOPE_FIELD.to]: 'This day is before the first one.' } };
    return { kind: 'execute', channel, execute: (requester) => form.set(request, file, requester) };
  },
});
