import type { KnownBlock, ModalView, PlainTextOption } from '@slack/types';
import { z } from 'zod';
import { shortBackupId } from '../../backup/format/backup-record.ts';
import type { Overwrite } from '../../backup/restore/restore-rows.ts';
import { readJson } from '../../lib/json.ts';
import type { Requester } from '../commands/command.ts';
import { code, shorten, UNSEEN } from '../messages/kit/escape.ts';
import { count, counted } from '../messages/kit/format.ts';
import type { Message } from '../messages/kit/message.ts';
import type { FormHandler } from './form.ts';
import { FIELD, reason } from './table-views.ts';

export const RESTORE_ROWS = 'restore_rows';
const ENTRIES = 'entries';
const CHANGED = 'changed';
const WHICH = 'which';

/** An entry of the backup that is not in the table. */
export interface Removed {
  readonly id: string;
  readonly name: string;
  readonly about: string;
  /** It has no source image, so no rescan can rebuild it. */
  readonly isHandMade: boolean;
}

/** An entry that has other values in the table; `about` names them. */
export interface Changed extends Overwrite {
  readonly name: string;
  readonly about: string;
}

/** What the form lists: entries of one person only, or only those in which one field changed. */
export interface RowsListed {
  readonly person?: string;
  readonly field?: string;
  /** Only records of this scope. */
  readonly scopeId?: string;
}

/** Which of them to restore: some, all removed ones that were made by hand, all removed, all changed, or both. */
export type RestoreRowsChoice = RowsListed & { readonly backupId: string } & (
    | { readonly which: 'chosen'; readonly entries: readonly string[]; readonly overwrites: readonly Overwrite[] }
    | { readonly which: 'by-hand' | 'all' | 'changed' | 'both' }
  );

const carriedSchema = z.strictObject({
  backupId: z.string(),
  channel: z.string(),
  person: z.string().exactOptional(),
  field: z.string().exactOptional(),
  scopeId: z.string().exactOptional(),
});
const selectedSchema = z.object({ selected_options: z.array(z.looseObject({ value: z.string() })).nullish() });
const valuesSchema = z.looseObject({
  [ENTRIES]: z.looseObject({ [ENTRIES]: selectedSchema }).optional(),
  [CHANGED]: z.looseObject({ [CHANGED]: selectedSchema }).optional(),
  [WHICH]: z
    .looseObject({
      [WHICH]: z.looseObject({
        selected_option: z.looseObject({ value: z.enum(['chosen', 'by-hand', 'all', 'changed', 'both']) }).nullish(),
      }),
    })
    .optional(),
  [FIELD.reason]: z.looseObject({ [FIELD.reason]: z.looseObject({ value: z.string().nullish() }) }).optional(),
});

const plain = (text: string) => ({ type: 'plain_text' as const, text });
/** The text of an option: one line, and never empty, because Slack refuses that. */
const optionText = (text: string) => plain(shorten(text.replace(UNSEEN, ' ').trim(), 75) || '(no name)');

const select = (block: string, label: string, options: readonly PlainTextOption[]): readonly KnownBlock[] =>
  options.length === 0
    ? []
    : [
        {
          type: 'input',
          block_id: block,
          optional: true,
          label: plain(label),
          element: {
            type: 'multi_static_select',
            action_id: block,
            placeholder: plain('Choose entries'),
            options: [...options],
          },
        },
      ];

/** Chooses which of the removed and changed entries to restore. */
export function restoreRowsView(about: {
  /** Those to choose from. */
  removed: readonly Removed[];
  changed: readonly Changed[];
  /** How many are missing in all (of `person`, if given), and how many of them have no source image. */
  all: number;
  byHand: number;
  /** How many are changed in all (of `person` and in `field`, if given). */
  allChanged: number;
  backupId: string;
  table: string;
  channel: string;
  listed?: RowsListed;
  /** Warnings above the choice. */
  notes?: readonly string[];
}): ModalView {
  const { notes = [], removed, changed, backupId, table, all, byHand, allChanged, channel, listed = {} } = about;
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
        ...(all > 0 ? [{ text: plain(`All ${count(all)} removed`), value: 'all' }] : []),
        ...(allChanged > 0 ? [{ text: plain(`All ${count(allChanged)} changed`), value: 'changed' }] : []),
        ...(all > 0 && allChanged > 0
          ? [{ text: plain(`All ${count(all + allChanged)} removed or changed`), value: 'both' }]
          : []),
      ],
    },
  };
  return {
    type: 'modal',
    title: plain('Restore entries'),
    callback_id: RESTORE_ROWS,
    private_metadata: JSON.stringify({ backupId, channel, ...listed }),
    submit: plain('Ask for approval'),
    close: plain('Cancel'),
    blocks: [
      { type: 'section', text: { type: 'mrkdwn', text: [...notes, ...introduction(about)].join('\n') } },
      ...(all + allChanged > 1 ? [which] : []),
      ...select(
        ENTRIES,
        `Removed from ${shorten(table, 40)}`,
        removed.map(({ id, name, about: what, isHandMade }) => ({
          text: optionText(name),
          value: id,
          description: optionText(`${what}${isHandMade ? ' · made by hand' : ''}`),
        })),
      ),
      ...select(
        CHANGED,
        'Changed: now → in the backup',
        changed.map(({ id, seen, name, about: what }) => ({
          text: optionText(name),
          value: `${id} ${seen}`,
          description: optionText(what),
        })),
      ),
      reason,
    ],
  };
}

function introduction(about: Parameters<typeof restoreRowsView>[0]): readonly string[] {
  const { removed, changed, backupId, table, all, allChanged, listed = {} } = about;
  const whose = listed.person === undefined ? '' : ` of ${code(listed.person, 80)}`;
  const backup = `backup ${code(shortBackupId(backupId), 80)}`;
  const field = listed.field === undefined ? 'other values' : `another ${code(listed.field, 60)}`;
  return [
    ...(all > 0
      ? [
          `${counted(all, 'record')}${whose} of ${backup} ${all === 1 ? 'is' : 'are'} no longer in ${code(table, 120)}. Each is restored only if nothing has its key.`,
        ]
      : []),
    ...(allChanged > 0
      ? [
          `${counted(allChanged, 'record')}${whose} ${allChanged === 1 ? 'has' : 'have'} ${field} than in ${backup}. Each is overwritten only if it has not changed by then. Its present version is saved first.`,
        ]
      : []),
    ...(removed.length < all || changed.length < allChanged
      ? [
          `The lists below have the first ${count(Math.max(removed.length, changed.length))}, those made by hand first. \`/rescan diff restore person=… field=…\` lists those of one person or with one changed field.`,
        ]
      : []),
  ];
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
  isHeavy: true,
  read({ privateMetadata, values }) {
    const carried = carriedOf(privateMetadata);
    const read = valuesSchema.safeParse(values).data;
    if (!carried) return;
    const { channel, ...about } = carried;
    const selected = (block: z.infer<typeof selectedSchema> | undefined) =>
      (block?.selected_options ?? []).map(({ value }) => value);
    const entries = selected(read?.[ENTRIES]?.[ENTRIES]);
    const overwrites = selected(read?.[CHANGED]?.[CHANGED]).flatMap((value) => {
      const [id, seen] = value.split(' ');
      return id === undefined || seen === undefined ? [] : [{ id, seen }];
    });
    const which = read?.[WHICH]?.[WHICH].selected_option?.value ?? 'chosen';
    const isNoneChosen = entries.length + overwrites.length === 0;
    // The field that is there: of the two lists one may be missing.
    const field = values !== null && typeof values === 'object' && ENTRIES in values ? ENTRIES : CHANGED;
    if (which === 'chosen' && isNoneChosen)
      return { kind: 'errors', errors: { [field]: 'Choose at least one entry.' } };
    if (which !== 'chosen' && !isNoneChosen)
      return {
        kind: 'errors',
        errors: {
          [entries.length > 0 ? ENTRIES : CHANGED]:
            'Entries are chosen here, but above “All” is selected. Clear this field, or select “The entries chosen below”.',
        },
      };
    const why = read?.[FIELD.reason]?.[FIELD.reason]?.value?.trim() ?? '';
    const choice: RestoreRowsChoice =
      which === 'chosen' ? { ...about, which, entries, overwrites } : { ...about, which };
    return {
      kind: 'execute',
      channel,
      execute: (requester) => form.ask(choice, why === '' ? undefined : why, requester),
    };
  },
});

const carriedOf = (metadata: string) => readJson(carriedSchema, metadata);
