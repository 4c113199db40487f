import type { KnownBlock, ModalView } from '@slack/types';
import { z } from 'zod';
import { shortBackupId } from '../../backup/format/backup-record.ts';
import { readJson } from '../../lib/json.ts';
import type { Requester } from '../commands/command.ts';
import { code, shorten, UNSEEN } from '../messages/kit/escape.ts';
import { count, counted } from '../messages/kit/format.ts';
import type { Message } from '../messages/kit/message.ts';
import type { FormHandler } from './form.ts';
import { FIELD, reason } from './table-views.ts';

export const RESTORE_ROWS = 'restore_rows';
const ENTRIES = 'entries';
const WHICH = 'which';

/** An entry of the backup that is not in the table. */
export interface Removed {
  readonly id: string;
  readonly name: string;
  readonly about: string;
  /** It has no source image, so no rescan can rebuild it. */
  readonly isHandMade: boolean;
}

/** Which of them to restore: some, all that were made by hand, or all; only those of one person if `person` is given. */
export type RestoreRowsChoice = { readonly backupId: string; readonly person?: string } & (
  | { readonly which: 'chosen'; readonly entries: readonly string[] }
  | { readonly which: 'by-hand' | 'all' }
);

const carriedSchema = z.strictObject({ backupId: z.string(), channel: z.string(), person: z.string().exactOptional() });
const valuesSchema = z.looseObject({
  [ENTRIES]: z.looseObject({
    [ENTRIES]: z.looseObject({ selected_options: z.array(z.looseObject({ value: z.string() })).nullish() }),
  }),
  [WHICH]: z
    .looseObject({
      [WHICH]: z.looseObject({
        selected_option: z.looseObject({ value: z.enum(['chosen', 'by-hand', 'all']) }).nullish(),
      }),
    })
    .optional(),
  [FIELD.reason]: z.looseObject({ [FIELD.reason]: z.looseObject({ value: z.string().nullish() }) }).optional(),
});

const plain = (text: string) => ({ type: 'plain_text' as const, text });
/** The text of an option: one line, and never empty, because Slack refuses that. */
const optionText = (text: string) => plain(shorten(text.replace(UNSEEN, ' ').trim(), 75) || '(no name)');

/** Chooses which of the removed entries to restore. */
export function restoreRowsView(about: {
  /** Those to choose from. */
  removed: readonly Removed[];
  /** How many are missing in all (of `person`, if given), and how many of them have no source image. */
  all: number;
  byHand: number;
  backupId: string;
  table: string;
  channel: string;
  person?: string;
  /** Warnings above the choice. */
  notes?: readonly string[];
}): ModalView {
  const { notes = [], removed, backupId, table, all, byHand, channel, person } = about;
  const options = removed.map(({ id, name, about: what, isHandMade }) => ({
    text: optionText(name),
    value: id,
    description: optionText(`${what}${isHandMade ? ' · made by hand' : ''}`),
  }));
  const whose = person === undefined ? '' : ` of ${code(person, 80)}`;
  const chosen = { text: plain('The entries chosen below'), value: 'chosen' };
  const which: KnownBlock = {
    type: 'input',
    block_id: WHICH,
    label: plain('Restore'),
    element: {
      type: 'radio_buttons',
      action_id: WHICH,
      initial_option: chosen,
      options: [
        chosen,
        ...(byHand > 0 ? [{ text: plain(`All ${count(byHand)} made by hand`), value: 'by-hand' }] : []),
        { text: plain(`All ${count(all)}`), value: 'all' },
      ],
    },
  };
  return {
    type: 'modal',
    title: plain('Restore entries'),
    callback_id: RESTORE_ROWS,
    private_metadata: JSON.stringify({ backupId, channel, person }),
    submit: plain('Ask for approval'),
    close: plain('Cancel'),
    blocks: [
      {
        type: 'section',
        text: {
          type: 'mrkdwn',
          text: [
            ...notes,
            `${counted(all, 'record')}${whose} of backup ${code(shortBackupId(backupId), 80)} ${all === 1 ? 'is' : 'are'} no longer in ${code(table, 120)}. Each is restored only if nothing has its key. Nothing is overwritten or deleted.`,
            ...(removed.length < all
              ? [
                  `The list below has the first ${count(removed.length)}, those made by hand first. \`/rescan diff restore person=…\` lists those of one person.`,
                ]
              : []),
          ].join('\n'),
        },
      },
      ...(all > 1 ? [which] : []),
      {
        type: 'input',
        block_id: ENTRIES,
        optional: true,
        label: plain('Entries'),
        element: {
          type: 'multi_static_select',
          action_id: ENTRIES,
          placeholder: plain('Choose entries'),
          options,
        },
      },
      reason,
    ],
  };
}

/** The submission: asks for approval of exactly the chosen entries. */
export const submitRestoreRows = (form: {
  readonly ask: (
    choice: RestoreRowsChoice,
    reason: string | undefined,
    requester: Requester,
  ) => Promise<Message | undefined>;
}): FormHandler => ({
  role: 'operator',
  read({ privateMetadata, values }) {
    const carried = carriedOf(privateMetadata);
    const read = valuesSchema.safeParse(values).data;
    if (!carried) return;
    const { channel, ...about } = carried;
    const entries = (read?.[ENTRIES][ENTRIES].selected_options ?? []).map(({ value }) => value);
    const which = read?.[WHICH]?.[WHICH].selected_option?.value ?? 'chosen';
    if (which === 'chosen' && entries.length === 0)
      return { kind: 'errors', errors: { [ENTRIES]: 'Choose at least one entry.' } };
    if (which !== 'chosen' && entries.length > 0)
      return {
        kind: 'errors',
        errors: {
          [ENTRIES]:
            'Entries are chosen here, but above “All” is selected. Clear this field, or select “The entries chosen below”.',
        },
      };
    const why = read?.[FIELD.reason]?.[FIELD.reason]?.value?.trim() ?? '';
    const choice: RestoreRowsChoice = which === 'chosen' ? { ...about, which, entries } : { ...about, which };
    return {
      kind: 'execute',
      channel,
      execute: (requester) => form.ask(choice, why === '' ? undefined : why, requester),
    };
  },
});

const carriedOf = (metadata: string) => readJson(carriedSchema, metadata);
