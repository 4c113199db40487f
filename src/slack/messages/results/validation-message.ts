import type { Button } from '@slack/types';
import { shortBackupId } from '../../../backup/format/backup-record.ts';
import type { ShownProfile, Validation } from '../../../checklist/contracts/result-control.ts';
import { RECORD_KINDS, type RecordKind } from '../../../pipeline/profile/record-kinds.ts';
import { type AttributeValue, shownValue } from '../../../pipeline/table/item.ts';
import { hasKind, type KindCounts, withoutFailures } from '../../../pipeline/table/records.ts';
import type { DiffTotals } from '../../../results/diff/diff-totals.ts';
import type { ReconciledImage } from '../../../results/reconcile/reconcile-image.ts';
import type { ReconcileTotals } from '../../../results/reconcile/reconcile-totals.ts';
import { isWithoutLoss } from '../../../results/report/entry-hours.ts';
import type { PersonChange, PersonComparison } from '../../../results/report/people.ts';
import type { SharedWeek } from '../../../results/report/shared-weeks.ts';
import type { ValidationProblem, Verdict } from '../../../results/report/validation.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, sentence } from '../kit/escape.ts';
import { count, counted, duration } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import { tableFigure } from '../kit/table-figure.ts';
import { RECORDS_LABEL } from '../run/describe-run.ts';
import { type AmountWords, amountWords } from './amount-words.ts';
import { describeVerdict, fewerText } from './describe-verdict.ts';

const SIGNS: Readonly<Record<Verdict, string>> = {
  good: ':white_check_mark:',
  look: ':warning:',
  unfinished: ':hourglass_flowing_sand:',
  bad: ':x:',
};
/** In these states a run can be resumed; a retry would abandon it. */
const RESUMABLE = ['paused', 'stopped', 'tripped', 'interrupted'];

/** What a validation found: the verdict, the problems, the counts. */
export function validationMessage(validation: Validation, now: number): Message {
  const { verdict, problems, reconciled, people, runIds, backup, seed, scope, profile } = validation;
  const onePerson = runIds.length === 0 && people.length === 1 ? people[0] : undefined;
  if (onePerson) return personMessage(onePerson, validation, now);
  return compose({
    fact: `${SIGNS[verdict]} Validation of ${runIds[0] ?? 'the table'}: ${headline(validation)}.`,
    lines: [
      ...problems.map((problem) => `• ${describeProblem(problem, now, profile)}`),
      ...hoursLine(validation),
      ...(reconciled
        ? [
            `${tallyText(reconciled)}.${runIds.length > 1 ? ` Outcomes of ${runIds.map((id) => code(id, 40)).join(', ')}; of several the newest counts.` : ''}`,
            ...(validation.isPartial
              ? ['The run covered only a part of the bucket; the other images were not checked.']
              : []),
            ...(scope
              ? [`It covered ${code(scope.what ?? scope.id, 400)}. ${outsideText(scope.outside, profile)}`]
              : []),
            ...otherImagesLine(reconciled.notInManifest['run-start']),
            ...spellingLine(reconciled.otherSpellings),
          ]
        : []),
      ...exampleLines(validation.images),
    ],
    figures: [countsFigure(validation)],
    notes: [
      ...people.map((person) => personLine(person, amountWords(profile))),
      backup
        ? `${!profile.person ? 'Compared with' : people.length === 0 ? 'No person has entries in' : `${counted(people.length, 'person', 'people')} drawn at random (seed ${String(seed ?? 0)}) from`} backup ${code(shortBackupId(backup.id), 80)}, ${duration(now - backup.startedAt)} old. ${profile.person ? '`/rescan validate person=NAME` compares one person, ' : ''}\`/rescan diff\` ${profile.person ? '' : 'compares '}everything.`
        : 'Make a backup with `/rescan backup`, so that the next rescan can be compared with it.',
    ],
    buttons: validationButtons(validation),
  });
}

function validationButtons({ problems, runIds, runState }: Validation): readonly Button[] {
  const isResumable = RESUMABLE.includes(runState ?? '');
  const [runId] = runIds;
  const lost = runState === 'running' || isResumable ? [] : problems.filter(isLostImages);
  const images = lost.reduce((sum, problem) => sum + problem.images, 0);
  const what = lost.some(({ kind }) => kind === 'rows-unclear') ? 'without-rows' : 'unaccounted';
  const value = runId === undefined ? what : `${what}@${runId}`;
  return [
    ...(isResumable && runId !== undefined
      ? [button(ACTION.resume, 'Resume', runId, { style: 'primary' as const })]
      : []),
    ...(images > 0
      ? [
          button(ACTION.retry, images === 1 ? 'Run this image again' : `Run these ${count(images)} again`, value, {
            style: 'primary' as const,
          }),
        ]
      : []),
    ...(problems.some(({ kind }) => kind === 'failed')
      ? [button(ACTION.showFailures, 'Show failures', 'failures')]
      : []),
  ];
}

/** Whether the problem is about images that a new run over them fixes. */
const isLostImages = (
  problem: ValidationProblem,
): problem is Extract<ValidationProblem, { kind: 'without-outcome' | 'rows-missing' | 'rows-unclear' }> =>
  problem.kind === 'without-outcome' ||
  problem.kind === 'rows-missing' ||
  (problem.kind === 'rows-unclear' && problem.weight === 'proof');

/** The verdict in one clause: what is missing, in numbers, where something is. */
function headline({ verdict, problems, scope, profile }: Validation): string {
  const withoutRows = problems
    .filter((problem) => problem.kind === 'rows-missing' || problem.kind === 'rows-unclear')
    .filter(({ weight }) => weight === 'proof')
    .reduce((sum, { images }) => sum + images, 0);
  const parts = problems.flatMap((problem): readonly string[] => {
    if (problem.weight === 'open') return [];
    switch (problem.kind) {
      case 'without-outcome':
        return [`${counted(problem.images, 'image has', 'images have')} no outcome`];
      case 'outcome-of-no-image':
        return [`${counted(problem.images, 'outcome')} of images that are not in the run`];
      case 'fewer-entries':
        return [`the ${scope ? 'scope' : 'table'} has ${fewerText(problem.entries, !hasKind(profile, 'zero-hour'))}`];
      case 'failed':
        return [`${counted(problem.images, 'image')} failed`];
      case 'shared-weeks':
        return [sharedWeeksText(problem.weeks)];
      default:
        return [];
    }
  });
  const facts = [
    ...(withoutRows === 0
      ? []
      : [
          `${counted(withoutRows, 'image was', 'images were')} processed but ${withoutRows === 1 ? 'has' : 'have'} no records`,
        ]),
    ...parts,
  ];
  return (verdict === 'bad' || verdict === 'look') && facts.length > 0 ? facts.join('; ') : describeVerdict(verdict);
}

/** Every image of the run in exactly one number. */
function tallyText({ images, counts, processedWithoutRows }: ReconcileTotals): string {
  const numbers = [
    [counts['processed-with-rows'], 'processed and in the table'],
    [processedWithoutRows['nothing-stored'], 'processed with nothing to store'],
    [counts['processed-with-older-rows'], 'processed with only older records'],
    [processedWithoutRows.unclear + processedWithoutRows.missing, 'processed without records of their own'],
    [counts['rejected-with-record'] + counts['rejected-without-record'], 'rejected'],
    [counts['failed-with-record'] + counts['failed-without-record'], 'failed'],
    [counts.gone, 'no longer in the bucket'],
    [counts.neither + counts['rows-without-outcome'], 'without an outcome'],
  ] as const;
  const shown = numbers.filter(([n]) => n > 0).map(([n, what]) => `${count(n)} ${what}`);
  return `${counted(images, 'image')} in the run: ${shown.length === 0 ? 'none' : shown.join(', ')}`;
}

/** ` 7.5 h`, or nothing where the records have no amount. */
const amountText = (amount: string | undefined, words: AmountWords | undefined): string =>
  words ? ` ${amount ?? '?'}${words.unit}` : '';

/** What fewer entries mean, by their hours. */
function hoursLine({ entryHours, profile }: Validation): readonly string[] {
  const amount = amountWords(profile);
  if (!entryHours || !amount) return [];
  const { before, now } = entryHours;
  const what = hasKind(profile, 'zero-hour')
    ? `entries and ${sentence(labelOf('zero-hour', profile).toLowerCase(), 60)}`
    : 'entries';
  const counts = `${count(before.entries)} ${what} with${amountText(before.hours, amount)} in the backup, ${count(now.entries)} with${amountText(now.hours, amount)} now`;
  if (isWithoutLoss(entryHours))
    return [
      `Fewer entries, but the same ${sentence(amount.word, 60)}: ${counts}. ${count(before.entries - before.withHours)} of those in the backup have 0${amount.noun}; ${count(now.entries - now.withHours)} do now.`,
    ];
  const unreadable = before.unreadable + now.unreadable;
  return [
    `${sentence(amount.name, 60)}: ${counts}${unreadable > 0 ? `; ${counted(unreadable, 'entry has', 'entries have')} ${sentence(amount.word, 60)} that are not a number` : ''}.`,
  ];
}

/** The clocks of the bot and of the function may differ by minutes, so a record of an earlier run may be among these. */
const otherImagesLine = (images: number): readonly string[] =>
  images > 0
    ? [
        `${counted(images, 'image that is', 'images that are')} not part of the run ${images === 1 ? 'has' : 'have'} records from shortly before its start, or newer ones.`,
      ]
    : [];

const spellingLine = (keys: number): readonly string[] =>
  keys > 0
    ? [
        `Records name ${counted(keys, 'image')} in another spelling than the bucket (URL-encoded, with the bucket's name, or another Unicode form). They are counted.`,
      ]
    : [];

function describeProblem(problem: ValidationProblem, now: number, profile: ShownProfile): string {
  const amount = amountWords(profile);
  switch (problem.kind) {
    case 'without-outcome':
      return problem.weight === 'open'
        ? `*${counted(problem.images, 'image')} without an outcome*: the run has not processed ${problem.images === 1 ? 'it' : 'them'} yet.`
        : `*${counted(problem.images, 'image')} without an outcome*, although the run ended. Run ${problem.images === 1 ? 'it' : 'them'} again.`;
    case 'rows-missing':
      return `*${counted(problem.images, 'image')} processed, but without records in the table*: no image of the same person and dates has newer records, so they were not overwritten.${problem.weight === 'open' ? ' The run is still writing, so they may appear in a moment.' : ''}`;
    case 'still-running':
      return 'The run is still in progress. Validate again when it has ended.';
    case 'flushed-since':
      return problem.what === undefined
        ? `The table was flushed ${duration(now - problem.at)} ago, after this run started. The records that the run wrote before are gone.`
        : `Records of the scope ${code(problem.what, 400)} were flushed ${duration(now - problem.at)} ago, after this run started. What the run wrote for them before is gone.`;
    case 'fewer-entries':
      return `*${fewerText(problem.entries, !hasKind(profile, 'zero-hour'))}* (${count(problem.before)} → ${count(problem.now)}). \`/rescan diff\` lists what is missing; \`/rescan diff restore\` puts it back.`;
    case 'not-compared':
      return 'There is no verified backup, so the table could not be compared with its earlier state.';
    case 'outcome-of-no-image':
      return `*${counted(problem.images, 'outcome')} of images that are not in the run*: this is a bug in the bot. Do not change the control table, and look at the bot’s log.`;
    case 'failed':
      return `${counted(problem.images, 'image')} failed${problem.unlogged > 0 ? `, ${count(problem.unlogged)} of them without a record in the table` : ''}.`;
    case 'gone':
      return `${counted(problem.images, 'image was', 'images were')} deleted from the bucket after the run was planned, so ${problem.images === 1 ? 'it was' : 'they were'} not processed. A retry leaves ${problem.images === 1 ? 'it' : 'them'} out.`;
    case 'reply-too-large':
      return `${counted(problem.images, 'image')} failed because the reply was too large to be delivered (REPLY_TOO_LARGE). ${problem.withRows === 0 ? 'None of them has records of this run.' : `${count(problem.withRows)} of them ${problem.withRows === 1 ? 'has' : 'have'} records of this run in the table all the same.`}`;
    case 'needs-review':
      return `${counted(problem.images, 'image needs', 'images need')} a review: the records are stored, but the function’s own validation found errors. \`/rescan retry review\` processes ${problem.images === 1 ? 'it' : 'them'} again.`;
    case 'rows-unclear':
      return problem.weight === 'proof'
        ? `*${counted(problem.images, 'image')} processed, but without records in the table*: at least as many entries are missing, so the records were deleted or never written.`
        : `${counted(problem.images, 'image')} processed without records of ${problem.images === 1 ? 'its' : 'their'} own: overwritten by the records of another image with the same key, or never written.`;
    case 'older-rows-only':
      return `${counted(problem.images, 'image')} processed, but all ${problem.images === 1 ? 'its' : 'their'} records are older than the run: nothing new was written.`;
    case 'rejected-unrecorded':
      return `${counted(problem.images, 'image')} rejected without a record.${profile.together.length > 0 ? ' Of several rejections with the same key only the last keeps its record.' : ''}`;
    case 'people-lost-entries':
      return `${counted(problem.people, 'person', 'people')} of the sample ${problem.people === 1 ? 'has' : 'have'} fewer entries than in the backup (${count(problem.entries)} fewer). \`/rescan diff\` lists them.`;
    case 'shared-weeks': {
      const { weeks, examples } = problem;
      const more = weeks - examples.length;
      const shown = [
        ...examples.map((week) => sharedWeekText(week, amount)),
        ...(more > 0 ? [`${count(more)} more`] : []),
      ].join('; ');
      return `*${sharedWeeksText(weeks)}*; ${amount ? `${weeks === 1 ? 'its' : 'their'} ${sentence(amount.word, 60)}` : weeks === 1 ? 'it' : 'they'} may be counted twice: ${shown}. Check which image is right. \`/rescan start images="KEY" keep\` processes only that image again; the function then replaces the records of its week.`;
    }
  }
}

const sharedWeeksText = (weeks: number): string =>
  `${counted(weeks, 'week holds', 'weeks hold')} records of more than one image`;

function sharedWeekText({ person, week, images, otherImages }: SharedWeek, amount: AmountWords | undefined): string {
  const named = images.map(({ image, hours }) => `${code(image, 100)}${amountText(hours, amount)}`);
  return `${code(person, 80)} ${code(week, 10)} (${[...named, ...(otherImages > 0 ? [`${count(otherImages)} more`] : [])].join(', ')})`;
}

const KINDS: Readonly<Record<ReconciledImage['kind'], string>> = {
  'processed-with-rows': 'processed and in the table',
  'processed-with-older-rows': 'processed, only older records',
  'processed-without-rows': 'processed, no records',
  'rejected-with-record': 'rejected',
  'rejected-without-record': 'rejected, no record',
  'failed-with-record': 'failed',
  'failed-without-record': 'failed, no record',
  gone: 'no longer in the bucket',
  'rows-without-outcome': 'records, but no outcome',
  neither: 'no outcome and no records',
  'outcome-not-in-manifest': 'outcome, but not in the run',
  'not-in-manifest': 'not in the run',
};

const exampleLines = (images: readonly ReconciledImage[]): readonly string[] =>
  images.map(({ key, kind }) => `  – ${code(key, 150)}: ${KINDS[kind]}`);

/** What records are called where the profile does not say. */
const LABELS: Readonly<Record<RecordKind, string>> = {
  entry: 'Entries',
  'zero-hour': 'Entries without an amount',
  rejected: 'Rejected images',
  coverage: 'Coverage records',
  failed: 'Failed images',
};

/** What several records of a kind are called: `Zero-hour weeks`. */
const labelOf = (kind: RecordKind, { labels }: ShownProfile): string => labels[kind]?.[1] ?? LABELS[kind];

/** Records by kind, now and in the backup; without the kinds that the pipeline does not have. */
function countsFigure({ now, backup, scope, profile }: Validation) {
  const rowOf = (kind: RecordKind): readonly [string, (counts: KindCounts) => number] => [
    labelOf(kind, profile),
    (counts) => counts[kind],
  ];
  const own = RECORD_KINDS.filter((kind) => kind !== 'failed' && hasKind(profile, kind));
  const rows: readonly (readonly [string, (counts: KindCounts) => number])[] = [
    ...own.map(rowOf),
    [scope ? 'Records (failures not counted)' : RECORDS_LABEL, withoutFailures],
    rowOf('failed'),
    ['All records', ({ total }) => total],
  ];
  const signed = (n: number) => (n > 0 ? `+${count(n)}` : count(n));
  return tableFigure(
    backup ? [scope ? 'Kind, in the scope' : 'Kind', 'Now', 'In the backup', 'Difference'] : ['Kind', 'Now'],
    rows.map(([name, read]) => [
      name,
      count(read(now)),
      ...(backup ? [count(read(backup.counts)), signed(read(now) - read(backup.counts))] : []),
    ]),
    { right: [1, 2, 3] },
  );
}

function sideText({ before, after }: PersonComparison, amount: AmountWords | undefined): string {
  const withAmount = (hours: string) => (amount ? ` with${amountText(hours, amount)}` : '');
  return `${counted(after.entries, 'entry', 'entries')}${withAmount(after.hours)} now, ${counted(before.entries, 'entry', 'entries')}${withAmount(before.hours)} in the backup`;
}

const personLine = (person: PersonComparison, amount: AmountWords | undefined): string =>
  `${code(person.person, 80)}: ${sideText(person, amount)}; ${differs(person) ? describeDifference(person) : 'no difference'}.`;

const differs = ({ removed, added, changed }: PersonComparison): boolean => removed + added + changed > 0;
const describeDifference = ({ removed, added, changed }: PersonComparison): string =>
  `${count(removed)} removed, ${count(changed)} changed, ${count(added)} added`;

function personMessage(person: PersonComparison, { backup, profile }: Validation, now: number): Message {
  const amount = amountWords(profile);
  return compose({
    fact: `${code(person.person, 80)}: ${differs(person) ? describeDifference(person) : 'no difference from the backup'}.`,
    lines: [`${sideText(person, amount)}; ${counted(person.same, 'entry is', 'entries are')} the same.`],
    figures:
      person.changes.length === 0
        ? []
        : [
            tableFigure(
              ['Entry', 'In the backup', 'Now'],
              person.changes.map((change) => changeRow(change, amount)),
            ),
          ],
    notes: [
      ...(backup ? [`Backup ${code(shortBackupId(backup.id), 80)}, ${duration(now - backup.startedAt)} old.`] : []),
      ...(person.removed + person.changed + person.added > person.changes.length
        ? [
            `${count(person.removed + person.changed + person.added - person.changes.length)} more: \`/rescan export diff\` lists all.`,
          ]
        : []),
    ],
  });
}

function changeRow(change: PersonChange, amount: AmountWords | undefined): readonly string[] {
  const stored = (hours: string | undefined) => (amount ? amountText(hours, amount).trimStart() : 'stored');
  switch (change.kind) {
    case 'removed':
      return [change.sortKey, stored(change.hours), 'missing'];
    case 'added':
      return [change.sortKey, 'missing', stored(change.hours)];
    case 'changed':
      return [
        change.sortKey,
        change.fields.map(({ name, before }) => `${name} ${valueText(before)}`).join(', '),
        change.fields.map(({ name, after }) => `${name} ${valueText(after)}`).join(', '),
      ];
  }
}

/** `All other 4,170 records are unchanged.`, or how many of them changed. */
export function outsideText(
  { removed, changed, added, same }: DiffTotals['outside'],
  profile: Pick<ShownProfile, 'kinds'>,
): string {
  if (removed + changed + added === 0)
    return same === 0 ? 'The table has no other records.' : `All other ${counted(same, 'record')} are unchanged.`;
  return `Outside the scope, since the backup: ${count(removed)} removed, ${count(changed)} changed, ${count(added)} added, ${count(same)} unchanged. Uploads and people change these${hasKind(profile, 'coverage') ? '; the function also updates the coverage records of the scope’s people' : ''}.`;
}

/** A value for a reader, without credentials; not escaped. */
export const valueText = (value: AttributeValue | undefined): string =>
  value === undefined ? '(none)' : shownValue(value);
