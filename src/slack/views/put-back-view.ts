import type { ModalView } from '@slack/types';
import { z } from 'zod';
import { code, shorten } from '../messages/escape.ts';
import { count, counted } from '../messages/format.ts';
import type { TableForms } from '../table-forms.ts';
import { FIELD, reason } from './table-views.ts';
import type { View } from './view.ts';

export const PUT_BACK = 'put_back';
const ENTRIES = 'entries';

/** An entry that the table lost. */
export interface Removed {
  readonly id: string;
  readonly name: string;
  readonly about: string;
  /** It names no image: no rescan brings it back. */
  readonly isHandMade: boolean;
}

const carriedSchema = z.strictObject({ backupId: z.string(), channel: z.string() });
const valuesSchema = z.looseObject({
  [ENTRIES]: z.looseObject({
    [ENTRIES]: z.looseObject({ selected_options: z.array(z.looseObject({ value: z.string() })).nullish() }),
  }),
  [FIELD.reason]: z.looseObject({ [FIELD.reason]: z.looseObject({ value: z.string().nullish() }) }).optional(),
});

const plain = (text: string) => ({ type: 'plain_text' as const, text });

/** Which of the removed entries come back. */
export function putBackView(about: {
  removed: readonly Removed[];
  backupId: string;
  table: string;
  /** How many are gone in all. */
  of: number;
  channel: string;
}): ModalView {
  const { removed, backupId, table, of, channel } = about;
  const options = removed.map(({ id, name, about: what, isHandMade }) => ({
    text: plain(shorten(name, 75)),
    value: id,
    description: plain(shorten(`${what}${isHandMade ? ' · made by hand' : ''}`, 75)),
  }));
  return {
    type: 'modal',
    title: plain('Put entries back'),
    callback_id: PUT_BACK,
    private_metadata: JSON.stringify({ backupId, channel }),
    submit: plain('Ask for approval'),
    close: plain('Cancel'),
    blocks: [
      {
        type: 'section',
        text: {
          type: 'mrkdwn',
          text: [
            `${counted(of, 'record')} of backup ${code(backupId, 80)} ${of === 1 ? 'is' : 'are'} not in ${code(table, 120)} any more. Each comes back only if nothing stands at its key; nothing is overwritten or deleted.`,
            ...(removed.length < of
              ? [
                  `The ${count(removed.length)} below are the first, those made by hand before others; \`/rescan diff restore person=…\` shows one person’s.`,
                ]
              : []),
          ].join('\n'),
        },
      },
      {
        type: 'input',
        block_id: ENTRIES,
        label: plain('Entries'),
        element: {
          type: 'multi_static_select',
          action_id: ENTRIES,
          placeholder: plain('Choose what comes back'),
          options,
        },
      },
      reason,
    ],
  };
}

/** The submission: a request for approval of exactly the chosen entries. */
export const putBackSubmission = (forms: Pick<TableForms, 'ask'>): View => ({
  role: 'operator',
  read({ privateMetadata, values }) {
    const carried = carriedOf(privateMetadata);
    const read = valuesSchema.safeParse(values).data;
    if (!carried) return;
    const chosen = read?.[ENTRIES][ENTRIES].selected_options ?? [];
    if (chosen.length === 0)
      return { kind: 'errors', errors: { [ENTRIES]: 'Choose at least one entry. Nothing was done.' } };
    const why = read?.[FIELD.reason]?.[FIELD.reason]?.value?.trim() ?? '';
    const { backupId, channel } = carried;
    const act = {
      kind: 'restore',
      mode: 'put-back',
      backupId,
      entries: chosen.map(({ value }) => value),
    } as const;
    return {
      kind: 'act',
      channel,
      act: (asker) => forms.ask({ ...act, entries: [...act.entries] }, why === '' ? undefined : why, asker),
    };
  },
});

function carriedOf(metadata: string): z.infer<typeof carriedSchema> | undefined {
  try {
    return carriedSchema.parse(JSON.parse(metadata));
  } catch {
    return undefined;
  }
}
