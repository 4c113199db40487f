import type { KnownBlock, ModalView } from '@slack/types';
import { z } from 'zod';
import type { BackupRecord } from '../../backup/format/backup-record.ts';
import {
  type FlushPlan,
  type RestorePlan,
  type TableAction,
  type TableNow,
  tableActSchema,
} from '../../checklist/contracts/table-control.ts';
import { code, shorten } from '../messages/kit/escape.ts';
import { count, counted, duration } from '../messages/kit/format.ts';
import { backupLine, countsText, differenceText } from '../messages/table/table-text.ts';

export const CONFIRM_ACT = 'confirm_act';
export const CHOOSE_RESTORE = 'choose_restore';
/** Blocks and elements of the forms share these names. */
export const FIELD = {
  tableName: 'table_name',
  reason: 'reason',
  hold: 'hold',
  backup: 'backup',
  mode: 'mode',
} as const;

const plain = (text: string) => ({ type: 'plain_text' as const, text });
const section = (text: string): KnownBlock => ({ type: 'section', text: { type: 'mrkdwn', text } });
const option = (text: string, value: string, description?: string) => ({
  text: plain(shorten(text, 75)),
  value,
  ...(description === undefined ? {} : { description: plain(shorten(description, 75)) }),
});

/** What a form carries to its submission: which act, on which table, in which channel. All of it is looked up again there. */
const carriedSchema = z.strictObject({ act: tableActSchema, table: z.string(), channel: z.string() });
export type CarriedAct = z.infer<typeof carriedSchema>;
const channelSchema = z.strictObject({ channel: z.string() });

function readJson<T>(schema: z.ZodType<T>, text: string): T | undefined {
  try {
    return schema.parse(JSON.parse(text));
  } catch {
    return undefined;
  }
}
export const readCarriedAct = (metadata: string): CarriedAct | undefined => readJson(carriedSchema, metadata);
export const readChannel = (metadata: string): string | undefined => readJson(channelSchema, metadata)?.channel;

const modal = (title: string, blocks: KnownBlock[], more: Partial<ModalView> = {}): ModalView => ({
  type: 'modal',
  title: plain(title),
  close: plain('Close'),
  blocks,
  ...more,
});

/** Opens at once, while the facts are gathered. */
export const lookingView = (
  title: string,
  line = 'Looking at the table and the backup… Counting with consistent reads takes a moment.',
): ModalView => modal(title, [section(line)]);

/** The same modal when there is nothing to confirm. */
export const refusalView = (title: string, lines: readonly string[]): ModalView =>
  modal(title, [section(lines.join('\n'))]);

const tableLines = (now: TableNow) => [
  `*Table* ${code(now.name, 120)} · account ${code(now.account, 20)} · region ${code(now.region, 30)}`,
  code(now.arn, 200),
  `*Now* ${countsText(now.counts)} (counted just now, consistently)`,
  ...(now.deletionProtection ? ['Deletion protection of the table is on; it does not protect records.'] : []),
  now.pointInTimeRecovery === 'on'
    ? 'Point-in-time recovery is on as well.'
    : now.pointInTimeRecovery === 'off'
      ? 'Point-in-time recovery is off.'
      : 'Whether point-in-time recovery is on could not be read.',
];

const typed = (table: string): KnownBlock => ({
  type: 'input',
  block_id: FIELD.tableName,
  label: plain('Type the table’s name'),
  hint: plain(`To be sure: ${table}`),
  element: { type: 'plain_text_input', action_id: FIELD.tableName },
});
export const reason: KnownBlock = {
  type: 'input',
  block_id: FIELD.reason,
  optional: true,
  label: plain('Reason'),
  element: { type: 'plain_text_input', action_id: FIELD.reason, max_length: 500 },
};

const carry = (act: TableAction, table: string, channel: string) =>
  JSON.stringify({ act, table, channel } satisfies CarriedAct);

/** What a flush would delete, what it relies on, and the fields to ask for it. */
export function flushView(plan: FlushPlan, channel: string, readAt: number): ModalView {
  const { act, now, backup, difference, holdMs } = plan;
  return modal(
    'Flush the table',
    [
      section(tableLines(now).join('\n')),
      section(
        [
          `*Relies on* ${backupLine(backup, readAt)}`,
          `*The table against it* ${differenceText(difference)}. What came or changed is saved beside the backup before it is deleted.`,
          act.failedOnly
            ? `*Deletes* ${counted(now.counts.failed, 'failed-image record')}, and nothing else.`
            : `*Deletes* all ${count(now.counts.total)} records.`,
        ].join('\n'),
      ),
      typed(now.name),
      reason,
      {
        type: 'input',
        block_id: FIELD.hold,
        optional: true,
        label: plain('While it is flushed'),
        element: {
          type: 'checkboxes',
          action_id: FIELD.hold,
          options: [
            option(
              'Hold the function meanwhile',
              'hold',
              `Uploads wait in Lambda’s queue; waits ${duration(holdMs)} for what is under way`,
            ),
          ],
        },
      },
    ],
    {
      callback_id: CONFIRM_ACT,
      private_metadata: carry(act, now.name, channel),
      submit: plain('Ask for approval'),
      close: plain('Cancel'),
    },
  );
}

const MOST_OPTIONS = 100;

/** Which backup, and how. */
export function chooseRestoreView(
  records: readonly BackupRecord[],
  channel: string,
  readAt: number,
  chosen?: string,
): ModalView {
  const options = records
    .slice(0, MOST_OPTIONS)
    .map((record) =>
      option(
        `${record.id} · ${duration(readAt - record.startedAt)} ago`,
        record.id,
        `${counted(record.counts.total, 'record')}${record.verification.kind === 'verified' ? '' : ', not verified'}${record.note === undefined ? '' : ` · ${record.note}`}`,
      ),
    );
  const initial = options.find(({ value }) => value === chosen);
  const modes = [
    option('Merge', 'merge', 'Puts the backup’s records, leaves others as they are'),
    option('Replace', 'replace', 'The table becomes equal to the backup: others are removed'),
  ];
  const [merge] = modes;
  return modal(
    'Restore a backup',
    [
      {
        type: 'input',
        block_id: FIELD.backup,
        label: plain('Backup'),
        element: {
          type: 'static_select',
          action_id: FIELD.backup,
          placeholder: plain('Type to search'),
          options,
          ...(initial ? { initial_option: initial } : {}),
        },
      },
      {
        type: 'input',
        block_id: FIELD.mode,
        label: plain('Mode'),
        element: {
          type: 'radio_buttons',
          action_id: FIELD.mode,
          options: modes,
          ...(merge ? { initial_option: merge } : {}),
        },
      },
    ],
    {
      callback_id: CHOOSE_RESTORE,
      private_metadata: JSON.stringify({ channel }),
      submit: plain('See what changes'),
      close: plain('Cancel'),
    },
  );
}

/** What a restore would change, and the fields to ask for it. */
export function restoreView(plan: RestorePlan, channel: string, readAt: number): ModalView {
  const { act, now, backup, change } = plan;
  return modal(
    'Restore a backup',
    [
      section(tableLines(now).join('\n')),
      section(
        [
          `*Backup* ${backupLine(backup, readAt)}`,
          `*Mode* ${act.mode}`,
          `*What it changes* ${count(change.added)} added, ${count(change.overwritten)} overwritten, ${count(change.removed)} removed; ${count(change.same)} stay as they are (computed just now, record by record).`,
          'A safety backup of what is there is made and verified first: a restore of it undoes this one.',
        ].join('\n'),
      ),
      typed(now.name),
      reason,
    ],
    {
      callback_id: CONFIRM_ACT,
      private_metadata: carry(act, now.name, channel),
      submit: plain('Ask for approval'),
      close: plain('Cancel'),
    },
  );
}
