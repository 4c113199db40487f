import { shortBackupId } from '../../../backup/format/backup-record.ts';
import type { DiffNow } from '../../../checklist/contracts/result-control.ts';
import type { Profile } from '../../../pipeline/profile/profile.ts';
import { attributeOf, type Item, textOf } from '../../../pipeline/table/item.ts';
import type { DiffEntry } from '../../../results/diff/diff-entry.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, sentence } from '../kit/escape.ts';
import { count, counted, duration } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import { tableFigure } from '../kit/table-figure.ts';
import { runName } from '../run/describe-run.ts';
import { type AmountWords, amountWords } from './amount-words.ts';
import { outsideText, valueText } from './validation-message.ts';

const MOST_PEOPLE = 8;
const MOST_FIELDS = 8;
const MOST_MOVES = 5;

/** The key of an entry, part by part. */
export const entryName = (key: Item): string =>
  Object.values(key)
    .map((value) => textOf(value) ?? JSON.stringify(value))
    .join(' ');

/** The hours of an entry where it has any: ` · 7.5 h`. */
export const hoursSuffix = (item: Item, profile: Pick<Profile, 'record'>): string => {
  const { amount } = profile.record;
  const hours = amount && textOf(attributeOf(item, amount.attribute));
  return hours === undefined ? '' : ` · ${hours}${amountWords(profile)?.unit ?? ''}`;
};

/** How the table differs from a backup. Removed entries come first, because a flush can lose them. */
export function diffMessage(
  { backup, keys, totals, openRun, scope }: Pick<DiffNow, 'backup' | 'keys' | 'totals' | 'openRun' | 'scope'>,
  /** Only removed and added ones are shown. */
  examples: readonly DiffEntry[],
  now: number,
): Message {
  const { removed, changed, added, moved, removedWithoutImage, removedZeroHours, hours } = totals;
  const amount = amountWords(keys.profile);
  const name = `backup ${code(shortBackupId(backup.id), 80)} (${duration(now - backup.startedAt)} old)`;
  if (removed + changed + added + moved === 0)
    return compose({
      fact: scope
        ? `The records of the scope are as in ${name}: ${counted(totals.same, 'record')}, nothing added, changed or removed.`
        : `The table equals ${name}: ${counted(totals.same, 'record')}, nothing added, changed or removed.`,
      lines: [...openRunLines(openRun), ...noiseLines(totals), ...outsideLines(scope, totals, backup.id, keys.profile)],
    });
  return compose({
    fact: `${scope ? 'The records of the scope, compared' : 'Compared'} with ${name}: ${count(removed)} removed, ${count(changed)} changed, ${count(added)} added, ${moved > 0 ? `${count(moved)} moved, ` : ''}${count(totals.same)} unchanged.`,
    lines: [
      ...openRunLines(openRun),
      ...(removedWithoutImage > 0
        ? [
            `:warning: *${counted(removedWithoutImage, 'removed entry has', 'removed entries have')} no image*: ${removedWithoutImage === 1 ? 'it was' : 'they were'} made by hand, so a rescan cannot bring ${removedWithoutImage === 1 ? 'it' : 'them'} back.`,
          ]
        : []),
      ...(amount
        ? [
            `${sentence(amount.name, 60)}: ${hours.gained} gained, ${hours.lost} lost, ${hours.net} net${hours.unreadable > 0 ? `; ${counted(hours.unreadable, 'record')} with unreadable ${sentence(amount.word, 60)}` : ''}.`,
          ]
        : []),
      ...(amount && removedZeroHours > 0
        ? [
            `${count(removedZeroHours)} of the removed records ${removedZeroHours === 1 ? 'has' : 'have'} 0${amount.noun}.`,
          ]
        : []),
      ...moveLines(totals, amount),
      ...fieldLines(totals, amount),
      ...examples.flatMap((entry) => ('item' in entry ? [exampleLine(entry, keys.profile)] : [])),
      ...noiseLines(totals),
      ...outsideLines(scope, totals, backup.id, keys.profile),
    ],
    figures:
      totals.byPerson.top.length === 0
        ? []
        : [
            tableFigure(
              [
                'Person',
                'Removed',
                'Changed',
                'Added',
                ...(moved > 0 ? ['Moved'] : []),
                ...(amount ? [`${amount.name} gained`, `${amount.name} lost`] : []),
              ],
              totals.byPerson.top
                .slice(0, MOST_PEOPLE)
                .map(({ name: person, totals: of }) => [
                  person,
                  count(of.removed),
                  count(of.changed),
                  count(of.added),
                  ...(moved > 0 ? [count(of.moved)] : []),
                  ...(amount ? [of.hours.gained, of.hours.lost] : []),
                ]),
              { right: moved > 0 ? [1, 2, 3, 4, 5, 6] : [1, 2, 3, 4, 5] },
            ),
          ],
    // While a run is in progress, missing entries may still be written.
    buttons:
      removed + changed > 0 && openRun?.state !== 'running'
        ? [button(ACTION.putBack, 'Restore entries…', scope ? `${backup.id}@${scope.id}` : backup.id)]
        : [],
  });
}

/** What a diff of a scope covers, and what else has changed in the table. */
function outsideLines(
  scope: DiffNow['scope'],
  { outside }: Pick<DiffNow['totals'], 'outside'>,
  backupId: string,
  profile: DiffNow['keys']['profile'],
): readonly string[] {
  if (!scope) return [];
  const hasChanged = outside.removed + outside.changed + outside.added > 0;
  return [
    ...(scope.what === undefined ? [] : [`Scope: ${code(scope.what, 400)}.`]),
    `${outsideText(outside, profile)}${hasChanged ? ` \`/rescan diff ${backupId}\` compares the whole table.` : ''}`,
  ];
}

/** What differs without a meaning: it is not counted as changed. */
function noiseLines({ sameExceptIgnored, emptied }: DiffNow['totals']): readonly string[] {
  const fields = emptied.top.map(({ name, totals }) => `${code(name, 60)} ${count(totals)}`);
  return [
    ...(sameExceptIgnored > 0
      ? [
          `${counted(sameExceptIgnored, 'record differs', 'records differ')} only in fields that every rescan changes, or in texts that are empty or absent (not counted as changed).`,
        ]
      : []),
    ...(fields.length > 0
      ? [`Empty on one side and absent on the other: ${fields.slice(0, MOST_FIELDS).join(', ')}.`]
      : []),
  ];
}

/** `7 records moved: ResourceName Ana_Bel → Anabel_Lee, 52.5 h.` */
function moveLines(
  { moved, movedHours, byMove }: DiffNow['totals'],
  amount: AmountWords | undefined,
): readonly string[] {
  if (moved === 0) return [];
  const shown = byMove.top
    .slice(0, MOST_MOVES)
    .map(
      ({ field, before, after, records, hours }) =>
        `${code(before || '(none)', 80)} → ${code(after || '(none)', 80)} (${code(field, 60)}, ${counted(records, 'record')}${amount ? `, ${hours}${amount.unit}` : ''})`,
    );
  const more = byMove.top.length - shown.length + byMove.others;
  return [
    `*${counted(moved, 'record')} moved* with ${sameText(amount)}: ${shown.join(', ')}${more > 0 ? `, and ${counted(more, 'other')}` : ''}. ${twiceText(moved, movedHours, amount, ' too')}`,
  ];
}

/** What moved records have in common. */
export const sameText = (amount: AmountWords | undefined): string =>
  amount ? `the same image, date and ${sentence(amount.word, 60)}` : 'the same image and date';

/** Why moved records are not restored. */
export const twiceText = (moved: number, movedHours: string, amount: AmountWords | undefined, too = ''): string => {
  const them = moved === 1 ? 'it' : 'them';
  return amount
    ? `Restoring ${them}${too} would book ${movedHours}${amount.noun} twice.`
    : `Restoring ${them}${too} would store ${moved === 1 ? 'it' : 'each of them'} twice.`;
};

/** One line for each field that changed, the hours first: how often, and examples. */
function fieldLines({ byField, fieldExamples }: DiffNow['totals'], amount: AmountWords | undefined): readonly string[] {
  // What people look for first.
  const isFirst = ({ name }: { readonly name: string }) => name === amount?.name;
  const fields = [...byField.top.filter(isFirst), ...byField.top.filter((field) => !isFirst(field))];
  const more = Math.max(0, fields.length - MOST_FIELDS) + byField.others.names;
  return [
    ...fields.slice(0, MOST_FIELDS).map(({ name, totals: records }) => {
      const examples = fieldExamples.find((each) => each.name === name)?.examples ?? [];
      const shown = examples.map(
        ({ key, before, after }) =>
          `${code(valueText(before), 60)} → ${code(valueText(after), 60)} (${code(entryName(key), 150)})`,
      );
      return `• ${code(name, 60)} changed in ${counted(records, 'record')}${shown.length === 0 ? '' : `: ${shown.join(', ')}`}${records > shown.length && shown.length > 0 ? ', …' : ''}`;
    }),
    ...(more > 0 ? [`• ${counted(more, 'more field')} changed.`] : []),
  ];
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

function exampleLine(entry: Extract<DiffEntry, { readonly item: Item }>, profile: Pick<Profile, 'record'>): string {
  const { amount } = profile.record;
  const hours = amount && textOf(attributeOf(entry.item, amount.attribute));
  const shown = hours === undefined ? '' : ` · ${sentence(hours, 40)}${amountWords(profile)?.unit ?? ''}`;
  return `• ${entry.kind} ${code(entryName(entry.key), 150)}${shown}`;
}
