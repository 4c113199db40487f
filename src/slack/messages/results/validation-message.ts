import type { Validation } from '../../../checklist/contracts/result-control.ts';
import { type AttributeValue, textOf } from '../../../pipeline/table/item.ts';
import type { ReconciledImage } from '../../../results/reconcile/reconcile-image.ts';
import type { ReconcileTotals } from '../../../results/reconcile/reconcile-totals.ts';
import type { PersonChange, PersonComparison } from '../../../results/report/people.ts';
import type { ValidationProblem, Verdict } from '../../../results/report/validation.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code } from '../kit/escape.ts';
import { count, counted, duration } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import { tableFigure } from '../kit/table-figure.ts';
import { describeVerdict } from './describe-verdict.ts';

const SIGNS: Readonly<Record<Verdict, string>> = {
  good: ':white_check_mark:',
  look: ':warning:',
  unfinished: ':hourglass_flowing_sand:',
  bad: ':x:',
};
/** From these a run is resumed: a retry would abandon it. */
const RESTING = ['paused', 'stopped', 'tripped', 'interrupted'];

/** What a validation found: the verdict first. */
export function validationMessage(validation: Validation, now: number): Message {
  const { verdict, problems, reconciled, people, runIds, runState, backup, seed } = validation;
  const onePerson = runIds.length === 0 && people.length === 1 ? people[0] : undefined;
  if (onePerson) return personMessage(onePerson, validation, now);
  const isOpen = runState === 'running' || RESTING.includes(runState ?? '');
  const retryable = !isOpen && problems.some(({ kind }) => kind === 'without-outcome' || kind === 'rows-missing');
  const resumable = !isOpen || runState === 'running' ? undefined : runIds[0];
  const hasFailed = problems.some(({ kind }) => kind === 'failed');
  return compose({
    fact: `${SIGNS[verdict]} Validation of ${runIds[0] ?? 'the table'}: ${describeVerdict(verdict)}.`,
    lines: [
      ...problems.map((problem) => `• ${problemText(problem, now)}`),
      ...(reconciled
        ? [
            `${tallyText(reconciled)}${runIds.length > 1 ? `; outcomes of ${runIds.map((id) => code(id, 40)).join(', ')}, the newest counting` : ''}.`,
            ...(validation.isPartial
              ? ['The run took only a part of the bucket; of the other images this says nothing.']
              : []),
            ...uploadsLine(reconciled.notInManifest['run-start']),
            ...spelledLine(reconciled.otherSpellings),
          ]
        : []),
      ...exampleLines(validation.images),
    ],
    figures: [countsFigure(validation)],
    notes: [
      ...people.map((person) => personLine(person)),
      backup
        ? `${people.length === 0 ? 'Nobody has an entry in' : `${counted(people.length, 'person', 'people')} drawn at random (seed ${String(seed ?? 0)}) from`} backup ${code(backup.id, 80)}, ${duration(now - backup.startedAt)} old. \`/rescan validate person=…\` looks at one, \`/rescan diff\` at all.`
        : '`/rescan backup` makes a backup; the next rescan can be held against it.',
    ],
    buttons: [
      ...(resumable === undefined ? [] : [button(ACTION.resume, 'Resume', resumable, { style: 'primary' })]),
      ...(retryable ? [button(ACTION.retry, 'Retry what is missing', 'unaccounted', { style: 'primary' })] : []),
      ...(hasFailed ? [button(ACTION.showFailures, 'Show failures', 'failures')] : []),
    ],
  });
}

/** Every image of the manifest in exactly one number. */
function tallyText({ images, counts, processedWithoutRows }: ReconcileTotals): string {
  const numbers = [
    [counts['processed-with-rows'], 'processed and in the table'],
    [processedWithoutRows['nothing-stored'], 'processed with nothing to store'],
    [processedWithoutRows.unclear + processedWithoutRows['person-has-no-rows'], 'processed without rows of their own'],
    [counts['rejected-with-record'] + counts['rejected-without-record'], 'rejected'],
    [counts['failed-with-record'] + counts['failed-without-record'], 'failed'],
    [counts.neither + counts['rows-without-outcome'], 'without an outcome'],
  ] as const;
  const told = numbers.filter(([n]) => n > 0).map(([n, what]) => `${count(n)} ${what}`);
  return `${counted(images, 'image')} of the manifest: ${told.length === 0 ? 'none' : told.join(', ')}`;
}

const uploadsLine = (images: number): readonly string[] =>
  images > 0 ? [`${counted(images, 'image')} not of the manifest came in meanwhile (uploads).`] : [];

const spelledLine = (keys: number): readonly string[] =>
  keys > 0
    ? [
        `Rows name ${counted(keys, 'image')} spelled otherwise than in the bucket (URL-encoded, with the bucket, another Unicode form); they count.`,
      ]
    : [];

function problemText(problem: ValidationProblem, now: number): string {
  switch (problem.kind) {
    case 'without-outcome':
      return problem.weight === 'open'
        ? `*${counted(problem.images, 'image')} without an outcome*: the run is not through with ${problem.images === 1 ? 'it' : 'them'} yet.`
        : `*${counted(problem.images, 'image')} without an outcome*, and the run is over: what came of ${problem.images === 1 ? 'it' : 'them'} is not known.`;
    case 'rows-missing':
      return `*${counted(problem.images, 'image')} processed, and nothing of ${problem.images === 1 ? 'it' : 'them'} in the table*: no entry of that person is there at all, so none was overwritten.${problem.weight === 'open' ? ' Images are being written, so that may be over in a moment.' : ''}`;
    case 'still-running':
      return 'Images are being invoked: ask again when the run is over.';
    case 'flushed-since':
      return `The table was flushed ${duration(now - problem.at)} ago, after this run had begun: what it wrote before is not in the table any more.`;
    case 'fewer-entries':
      return `*${counted(problem.entries, 'entry', 'entries')} fewer in the table than in the backup*, zero-hour weeks among them. \`/rescan diff\` lists what is gone, \`/rescan diff restore\` puts it back.`;
    case 'not-compared':
      return 'There is no verified backup to hold the table against: whether something was there before that is gone now cannot be told.';
    case 'outcome-of-no-image':
      return `*${counted(problem.images, 'outcome')} of images that are not in the manifest*: this must not be; keep the control table as it is and look at the log.`;
    case 'failed':
      return `${counted(problem.images, 'image')} failed${problem.unlogged > 0 ? `, ${count(problem.unlogged)} of them without a record in the table` : ''}.`;
    case 'rows-unclear':
      return `${counted(problem.images, 'image')} processed without a row that names ${problem.images === 1 ? 'it' : 'them'}: overwritten by another image of the same person, date and project, or never written.`;
    case 'older-rows-only':
      return `${counted(problem.images, 'image')} processed, but all rows are from before: nothing new was written.`;
    case 'rejected-unrecorded':
      return `${counted(problem.images, 'image')} rejected without a record: of two rejected sheets of one person and week the later takes the place of the earlier.`;
    case 'people-lost-entries':
      return `${counted(problem.people, 'person', 'people')} of those looked at ${problem.people === 1 ? 'has' : 'have'} fewer entries than in the backup: ${counted(problem.entries, 'entry', 'entries')} gone. \`/rescan diff\` lists them.`;
  }
}

const exampleLines = (images: readonly ReconciledImage[]): readonly string[] =>
  images.map(({ key, kind }) => `  – ${code(key, 150)}: ${kind.replaceAll('-', ' ')}`);

/** Entries by kind, now and in the backup. */
function countsFigure({ now, backup }: Validation) {
  const kinds = [
    ['Entries', 'entry'],
    ['Zero-hour weeks', 'zero-hour'],
    ['Rejected sheets', 'rejected'],
    ['Coverage records', 'coverage'],
    ['Failed images', 'failed'],
    ['All', 'total'],
  ] as const;
  const signed = (n: number) => (n > 0 ? `+${count(n)}` : count(n));
  return tableFigure(
    backup ? ['Kind', 'Now', 'In the backup', 'Difference'] : ['Kind', 'Now'],
    kinds.map(([name, kind]) => [
      name,
      count(now[kind]),
      ...(backup ? [count(backup.counts[kind]), signed(now[kind] - backup.counts[kind])] : []),
    ]),
    { right: [1, 2, 3] },
  );
}

const sideText = ({ before, after }: PersonComparison): string =>
  `${counted(after.entries, 'entry', 'entries')} of ${after.hours} h now, ${counted(before.entries, 'entry', 'entries')} of ${before.hours} h in the backup`;

const personLine = (person: PersonComparison): string =>
  `${code(person.person, 80)}: ${sideText(person)}${differs(person) ? `; ${describeDifference(person)}` : '; nothing differs'}.`;

const differs = ({ removed, added, changed }: PersonComparison): boolean => removed + added + changed > 0;
const describeDifference = ({ removed, added, changed }: PersonComparison): string =>
  `${count(removed)} removed, ${count(changed)} changed, ${count(added)} added`;

function personMessage(person: PersonComparison, { backup }: Validation, now: number): Message {
  return compose({
    fact: `${code(person.person, 80)}: ${differs(person) ? describeDifference(person) : 'nothing differs from the backup'}.`,
    lines: [`${sideText(person)}; ${counted(person.same, 'entry is', 'entries are')} the same.`],
    figures:
      person.changes.length === 0
        ? []
        : [tableFigure(['Entry', 'In the backup', 'Now'], person.changes.map(changeRow))],
    notes: [
      ...(backup ? [`Backup ${code(backup.id, 80)}, ${duration(now - backup.startedAt)} old.`] : []),
      ...(person.removed + person.changed + person.added > person.changes.length
        ? [
            `${count(person.removed + person.changed + person.added - person.changes.length)} more: \`/rescan export diff\` has all.`,
          ]
        : []),
    ],
  });
}

function changeRow(change: PersonChange): readonly string[] {
  switch (change.kind) {
    case 'removed':
      return [change.sortKey, `${change.hours ?? '?'} h`, 'gone'];
    case 'added':
      return [change.sortKey, 'not there', `${change.hours ?? '?'} h`];
    case 'changed':
      return [
        change.sortKey,
        change.fields.map(({ name, before }) => `${name} ${valueText(before)}`).join(', '),
        change.fields.map(({ name, after }) => `${name} ${valueText(after)}`).join(', '),
      ];
  }
}

/** A value as a person reads it; not escaped. */
export const valueText = (value: AttributeValue | undefined): string =>
  value === undefined ? '(none)' : (textOf(value) ?? JSON.stringify(value));
