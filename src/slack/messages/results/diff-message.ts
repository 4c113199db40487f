import { shortBackupId } from '../../../backup/format/backup-record.ts';
import type { DiffNow } from '../../../checklist/contracts/result-control.ts';
import { type Item, textOf } from '../../../pipeline/table/item.ts';
import type { DiffEntry } from '../../../results/diff/diff-entry.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, sentence } from '../kit/escape.ts';
import { count, counted, duration } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import { tableFigure } from '../kit/table-figure.ts';
import { runName } from '../run/describe-run.ts';
import { valueText } from './validation-message.ts';

const MOST_PEOPLE = 8;
const MOST_FIELDS = 8;

/** The key of an entry, part by part. */
export const entryName = (key: Item): string =>
  Object.values(key)
    .map((value) => textOf(value) ?? JSON.stringify(value))
    .join(' ');

/** The hours of an entry where it has any: ` · 7.5 h`. */
export const hoursSuffix = (item: Item): string => {
  const hours = textOf(item.Hours);
  return hours === undefined ? '' : ` · ${hours} h`;
};

/** How the table differs from a backup. Removed entries come first, because a flush can lose them. */
export function diffMessage(
  { backup, totals, openRun }: Pick<DiffNow, 'backup' | 'totals' | 'openRun'>,
  examples: readonly DiffEntry[],
  now: number,
): Message {
  const { removed, changed, added, removedWithoutImage, hours } = totals;
  const name = `backup ${code(shortBackupId(backup.id), 80)} (${duration(now - backup.startedAt)} old)`;
  const inFields =
    totals.sameExceptIgnored > 0
      ? [
          `${counted(totals.sameExceptIgnored, 'record differs', 'records differ')} only in fields that every rescan changes (not counted as changed).`,
        ]
      : [];
  if (removed + changed + added === 0)
    return compose({
      fact: `The table equals ${name}: ${counted(totals.same, 'record')}, nothing added, changed or removed.`,
      lines: [...openRunLines(openRun), ...inFields],
    });
  return compose({
    fact: `Compared with ${name}: ${count(removed)} removed, ${count(changed)} changed, ${count(added)} added, ${count(totals.same)} unchanged.`,
    lines: [
      ...openRunLines(openRun),
      ...(removedWithoutImage > 0
        ? [
            `:warning: *${counted(removedWithoutImage, 'removed entry has', 'removed entries have')} no image*: ${removedWithoutImage === 1 ? 'it was' : 'they were'} made by hand, so a rescan cannot bring ${removedWithoutImage === 1 ? 'it' : 'them'} back.`,
          ]
        : []),
      `Hours: ${hours.gained} gained, ${hours.lost} lost, ${hours.net} net${hours.unreadable > 0 ? `; ${counted(hours.unreadable, 'record')} with unreadable hours` : ''}.`,
      ...examples.map(exampleLine),
      ...inFields,
    ],
    figures:
      totals.byPerson.top.length === 0
        ? []
        : [
            tableFigure(
              ['Person', 'Removed', 'Changed', 'Added', 'Hours gained', 'Hours lost'],
              totals.byPerson.top
                .slice(0, MOST_PEOPLE)
                .map(({ name: person, totals: of }) => [
                  person,
                  count(of.removed),
                  count(of.changed),
                  count(of.added),
                  of.hours.gained,
                  of.hours.lost,
                ]),
              { right: [1, 2, 3, 4, 5] },
            ),
          ],
    notes: [
      ...(totals.byField.top.length === 0
        ? []
        : [
            `Changed fields: ${totals.byField.top
              .slice(0, MOST_FIELDS)
              .map(({ name: field, totals: times }) => `${code(field, 60)} ${count(times)}`)
              .join(', ')}.`,
          ]),
      'The full list is in the CSV file next to this message.',
    ],
    // While a run is in progress, missing entries may still be written.
    buttons:
      removed > 0 && openRun?.state !== 'running'
        ? [button(ACTION.putBack, 'Restore removed entries…', backup.id)]
        : [],
  });
}

/** The warning about a run that has not finished: entries may still be missing because of it. */
export const openRunLines = (openRun: DiffNow['openRun']): readonly string[] =>
  openRun === undefined
    ? []
    : openRun.state === 'running'
      ? [
          `:warning: *${runName(openRun.runId)} is still writing*: entries shown as removed may still come with the images that are left.`,
        ]
      : [
          `:warning: *${runName(openRun.runId)} has not finished* (${openRun.state}): entries shown as removed may still come with the images that are left.`,
        ];

function exampleLine(entry: DiffEntry): string {
  const name = code(entryName(entry.key), 150);
  if (entry.kind === 'changed') {
    const [field] = entry.fields;
    return `• changed ${name}: ${field ? `${code(field.name, 60)} ${code(valueText(field.before), 60)} → ${code(valueText(field.after), 60)}` : ''}${entry.fields.length > 1 ? `, and ${counted(entry.fields.length - 1, 'more field')}` : ''}`;
  }
  const hours = textOf(entry.item.Hours);
  return `• ${entry.kind} ${name}${hours === undefined ? '' : ` · ${sentence(hours, 40)} h`}`;
}
