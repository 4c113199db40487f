import type { KnownBlock, ModalView } from '@slack/types';
import { z } from 'zod';
import type { ReadProgress } from '../../backup/compare/compare.ts';
import { shortBackupId } from '../../backup/format/backup-record.ts';
import type { CatalogueEntry } from '../../backup/format/export-record.ts';
import { tableActionSchema } from '../../checklist/contracts/table-action.ts';
import type { FlushPlan, NotRebuildable, RestorePlan, TableNow } from '../../checklist/contracts/table-control.ts';
import { defined } from '../../lib/defined.ts';
import { readJson } from '../../lib/json.ts';
import { notRebuildableLines, scopeLines, scopeText } from '../messages/checklist/scope-message.ts';
import { code, shorten } from '../messages/kit/escape.ts';
import { count, counted } from '../messages/kit/format.ts';
import {
  backupLine,
  consumerLines,
  correctionLines,
  dateTime,
  describeCounts,
  describeDifference,
  describeRecovery,
  describeRecreation,
  describeWriteCost,
  leftOutLines,
  plainDateTime,
} from '../messages/table/describe-table.ts';

export const CONFIRM_ACTION = 'confirm_action';
export const CHOOSE_RESTORE = 'choose_restore';
/** The value of the choice to keep the records that cannot be rebuilt. */
export const KEEP = 'keep';
/** The ids of the blocks of the forms, and of the element in each. */
export const FIELD = {
  tableName: 'table_name',
  reason: 'reason',
  backup: 'backup',
  mode: 'mode',
  keep: 'keep',
} as const;

const plain = (text: string) => ({ type: 'plain_text' as const, text });
const section = (text: string): KnownBlock => ({ type: 'section', text: { type: 'mrkdwn', text } });
const option = (text: string, value: string, description?: string) => ({
  text: plain(shorten(text, 75)),
  value,
  ...defined({ description: description === undefined ? undefined : plain(shorten(description, 75)) }),
});

/** What a form carries to its submission. All of it is checked again there. */
const carriedSchema = z.strictObject({ action: tableActionSchema, table: z.string(), channel: z.string() });
export type CarriedAction = z.infer<typeof carriedSchema>;
const channelSchema = z.strictObject({ channel: z.string() });

export const readCarriedAction = (metadata: string): CarriedAction | undefined => readJson(carriedSchema, metadata);
export const readChannel = (metadata: string): string | undefined => readJson(channelSchema, metadata)?.channel;

const modal = (title: string, blocks: KnownBlock[], more: Partial<ModalView> = {}): ModalView => ({
  type: 'modal',
  title: plain(title),
  close: plain('Close'),
  blocks,
  ...more,
});

/** Opens at once, while the facts are gathered. */
export const loadingView = (
  title: string,
  line = 'Reading the table and the backup… Counting the records takes a moment.',
): ModalView => modal(title, [section(line)]);

/** How far a comparison of the table with a backup has read. */
export const readingLine = ({ tableItems, backupItems }: ReadProgress): string =>
  `Reading the table and the backup… ${counted(tableItems, 'record')} of the table and ${counted(backupItems, 'record')} of the backup so far.`;

/** Replaces it where there is nothing to confirm. */
export const refusalView = (title: string, lines: readonly string[]): ModalView =>
  modal(title, [section(lines.join('\n'))]);

const tableLines = (now: TableNow) => [
  `*Table* ${code(now.name, 120)} · account ${code(now.account, 20)} · region ${code(now.region, 30)}`,
  code(now.arn, 200),
  `*Now* ${describeCounts(now.counts)} (counted just now)`,
  ...(now.deletionProtection ? ['Deletion protection of the table is on. It does not protect its records.'] : []),
  describeRecovery(now.pointInTimeRecovery),
];

const confirmName = (table: string): KnownBlock => ({
  type: 'input',
  block_id: FIELD.tableName,
  label: plain('Name of the table'),
  hint: plain(`Type ${table} to confirm.`),
  element: { type: 'plain_text_input', action_id: FIELD.tableName },
});
export const reason: KnownBlock = {
  type: 'input',
  block_id: FIELD.reason,
  optional: true,
  label: plain('Reason'),
  element: { type: 'plain_text_input', action_id: FIELD.reason, max_length: 500 },
};

/** What an action would do, and the fields to ask for it. */
const confirmView = (
  title: string,
  { action, now }: FlushPlan | RestorePlan,
  channel: string,
  lines: readonly string[],
  more: readonly string[] = [],
  choices: readonly KnownBlock[] = [],
): ModalView => {
  const sections = [tableLines(now), lines, more].filter((each) => each.length > 0);
  const shown = sections.map((each) => section(each.join('\n')));
  return modal(title, [...shown, ...choices, confirmName(now.name), reason], {
    callback_id: CONFIRM_ACTION,
    private_metadata: JSON.stringify({ action, table: now.name, channel } satisfies CarriedAction),
    submit: plain('Ask for approval'),
    close: plain('Cancel'),
  });
};

/** What a flush would delete, with which backup and at what cost, and the fields to ask for it. */
export function flushView(plan: FlushPlan, channel: string): ModalView {
  const { action, now, backup, difference, recreation, scope, notRebuildable } = plan;
  const records = scope?.recordsNow ?? (action.failedOnly ? now.counts.failed : now.counts.total);
  const lines = [
    `*Backup* ${backupLine(backup)}`,
    `*Since that backup* ${describeDifference(difference)}. Added and changed records are saved next to the backup before they are deleted.`,
    ...(scope
      ? [
          `*Scope* ${scopeText(scope.scope)}, set ${dateTime(scope.scope.at)}`,
          ...scopeLines({ ...scope.scope, others: now.counts.total - records }),
        ]
      : []),
    deletesLine(plan, records),
    ...(notRebuildable ? notRebuildableLines(notRebuildable, scope === undefined ? 'everything' : 'scope') : []),
    ...consumerLines(now, records, 'deletions'),
    ...correctionLines(action),
  ];
  return recreation
    ? confirmView('Recreate the table', plan, channel, lines, describeRecreation(recreation, now.pointInTimeRecovery))
    : confirmView(
        'Flush the table',
        plan,
        channel,
        [...lines, describeWriteCost(records, now.writeCost)],
        [],
        notRebuildable && !scope ? keepChoice(notRebuildable, records) : [],
      );
}

function deletesLine({ action, scope, notRebuildable, recreation }: FlushPlan, records: number): string {
  if (scope) {
    const before = scope.scope.records.total;
    const since = before === records ? '' : ` When the scope was set, it had ${counted(before, 'record')}.`;
    return `*Deletes* ${counted(records, 'record')}: those of this scope, and nothing else.${since}`;
  }
  if (action.failedOnly) return `*Deletes* ${counted(records, 'failed-image record')} and nothing else.`;
  const kept = notRebuildable && !recreation ? totalOf(notRebuildable) : 0;
  return `*Deletes* all ${count(records)} records${kept > 0 ? `, or all but the ${count(kept)} that cannot be rebuilt: choose below` : ''}.`;
}

const totalOf = ({ missing, archived, nameless }: NotRebuildable): number =>
  missing.records + archived.records + nameless;

/** Keeps what the rescan cannot build again unless somebody decides otherwise. Empty where there is nothing of that kind. */
function keepChoice(notRebuildable: NotRebuildable, records: number): KnownBlock[] {
  const total = totalOf(notRebuildable);
  if (total === 0) return [];
  const keep = option(`Keep these ${counted(total, 'record')}, delete the others`, KEEP);
  return [
    {
      type: 'input',
      block_id: FIELD.keep,
      label: plain('Records that cannot be rebuilt'),
      element: {
        type: 'radio_buttons',
        action_id: FIELD.keep,
        options: [keep, option(`Delete all ${count(records)} records`, 'delete')],
        initial_option: keep,
      },
    },
  ];
}

const MOST_OPTIONS = 100;

const VERIFICATION: Readonly<Record<CatalogueEntry['verification']['kind'], string>> = {
  verified: '',
  sampled: ', export, checked by a sample',
  unverified: ', not verified',
};

/** Chooses the backup and the mode of a restore. */
export function chooseRestoreView(records: readonly CatalogueEntry[], channel: string, chosen?: string): ModalView {
  const options = records
    .slice(0, MOST_OPTIONS)
    .map((record) =>
      option(
        `${shortBackupId(record.id)} · ${plainDateTime(record.startedAt)}`,
        record.id,
        `${counted(record.counts.total, 'record')}${VERIFICATION[record.verification.kind]}${record.note === undefined ? '' : ` · ${record.note}`}`,
      ),
    );
  const initial = options.find(({ value }) => value === chosen || shortBackupId(value) === chosen);
  const modes = [
    option('Merge', 'merge', 'Writes the records of the backup and keeps all others'),
    option('Replace', 'replace', 'Makes the table equal to the backup: removes all others'),
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
          ...defined({ initial_option: initial }),
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
          ...defined({ initial_option: merge }),
        },
      },
    ],
    {
      callback_id: CHOOSE_RESTORE,
      private_metadata: JSON.stringify({ channel }),
      submit: plain('Show changes'),
      close: plain('Cancel'),
    },
  );
}

/** What a restore would change and at what cost, and the fields to ask for it. */
export function restoreView(plan: RestorePlan, channel: string): ModalView {
  const { action, now, backup, change } = plan;
  return confirmView('Restore a backup', plan, channel, [
    `*Backup* ${backupLine(backup)}`,
    `*Mode* ${action.mode}`,
    `*What it changes* ${count(change.added)} added, ${count(change.overwritten)} overwritten, ${count(change.removed)} removed; ${count(change.same)} unchanged (compared just now).`,
    ...(change.expired > 0
      ? [
          `:warning: ${counted(change.expired, 'record')} of the backup ${change.expired === 1 ? 'is' : 'are'} past the time to live of the table, so DynamoDB deletes ${change.expired === 1 ? 'it' : 'them'} again within days. The check at the end does not count that as damage.`,
        ]
      : []),
    ...leftOutLines(change.leftOut),
    ...consumerLines(now, change.added + change.overwritten + change.removed, 'writes'),
    describeWriteCost(change.added + change.overwritten + change.removed, now.writeCost),
    'A safety backup of the table is made and verified first. Restore it to undo this restore.',
  ]);
}
