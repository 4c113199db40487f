import type { KnownBlock, ModalView } from '@slack/types';
import { z } from 'zod';
import { code, shorten, UNSEEN } from '../messages/kit/escape.ts';
import { count, counted } from '../messages/kit/format.ts';
import type { FormHandler } from './form.ts';
import type { RestoreRowsForm } from './restore-rows-form.ts';
import { FIELD, reason } from './table-views.ts';

export const PUT_BACK = 'put_back';
const ENTRIES = 'entries';
const WHICH = 'which';

/** An entry that the table lost. */
export interface Removed {
  readonly id: string;
  readonly name: string;
  readonly about: string;
  /** It names no image: no rescan brings it back. */
  readonly isHandMade: boolean;
}

/** Which of them come back: some, all that were made by hand, or all; of one person where one is named. */
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
/** Words of an option: in one line, and never none, as Slack refuses that. */
const optionText = (text: string) => plain(shorten(text.replace(UNSEEN, ' ').trim(), 75) || '(no name)');

/** Which of the removed entries come back. */
export function putBackView(about: {
  /** Those to choose from. */
  removed: readonly Removed[];
  /** How many are gone in all, of the person where one is named, and how many of them name no image. */
  all: number;
  byHand: number;
  backupId: string;
  table: string;
  channel: string;
  person?: string;
  /** What else there is to know before one chooses. */
  notes?: readonly string[];
}): ModalView {
  const { notes = [], removed, backupId, table, all, byHand, channel, person } = about;
  const options = removed.map(({ id, name, about: what, isHandMade }) => ({
    text: optionText(name),
    value: id,
    description: optionText(`${what}${isHandMade ? ' · made by hand' : ''}`),
  }));
  const whose = person === undefined ? '' : ` of ${code(person, 80)}`;
  const chosen = { text: plain('Those chosen below'), value: 'chosen' };
  const which: KnownBlock = {
    type: 'input',
    block_id: WHICH,
    label: plain('Which come back'),
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
    title: plain('Put entries back'),
    callback_id: PUT_BACK,
    private_metadata: JSON.stringify({ backupId, channel, ...(person === undefined ? {} : { person }) }),
    submit: plain('Ask for approval'),
    close: plain('Cancel'),
    blocks: [
      {
        type: 'section',
        text: {
          type: 'mrkdwn',
          text: [
            ...notes,
            `${counted(all, 'record')}${whose} of backup ${code(backupId, 80)} ${all === 1 ? 'is' : 'are'} not in ${code(table, 120)} any more. Each comes back only if nothing stands at its key; nothing is overwritten or deleted.`,
            ...(removed.length < all
              ? [
                  `The ${count(removed.length)} to choose from are the first, those made by hand before others; \`/rescan diff restore person=…\` shows one person’s.`,
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
          placeholder: plain('Choose what comes back'),
          options,
        },
      },
      reason,
    ],
  };
}

/** The submission: a request for approval of exactly the chosen entries. */
export const putBackSubmission = (form: Pick<RestoreRowsForm, 'ask'>): FormHandler => ({
  role: 'operator',
  read({ privateMetadata, values }) {
    const carried = carriedOf(privateMetadata);
    const read = valuesSchema.safeParse(values).data;
    if (!carried) return;
    const { channel, ...about } = carried;
    const entries = (read?.[ENTRIES][ENTRIES].selected_options ?? []).map(({ value }) => value);
    const which = read?.[WHICH]?.[WHICH].selected_option?.value ?? 'chosen';
    if (which === 'chosen' && entries.length === 0)
      return { kind: 'errors', errors: { [ENTRIES]: 'Choose at least one entry. Nothing was done.' } };
    if (which !== 'chosen' && entries.length > 0)
      return {
        kind: 'errors',
        errors: { [ENTRIES]: 'Some are chosen here, but above it says all. Empty this, or say “Those chosen below”.' },
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

function carriedOf(metadata: string): z.infer<typeof carriedSchema> | undefined {
  try {
    return carriedSchema.parse(JSON.parse(metadata));
  } catch {
    return undefined;
  }
}
