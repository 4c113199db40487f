import type { RunIds } from '../../../checklist/contracts/result-control.ts';
import type { CauseTotals, FailureTotals } from '../../../results/failures/failure-totals.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, sentence } from '../kit/escape.ts';
import { count, counted, duration, percent } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';
import { tableFigure } from '../kit/table-figure.ts';

const MOST_OFFERS = 8;
const MOST_RUNS_NAMED = 6;

/** `the table and r-0002, r-0001`; `the table alone` where nothing ever ran. */
export const describeSources = (runIds: RunIds): string => {
  if (runIds.length === 0) return 'the table alone, as no run was ever started here';
  const named = runIds.slice(0, MOST_RUNS_NAMED).map((id) => code(id, 40));
  const more = runIds.length - named.length;
  return `the table and ${named.join(', ')}${more > 0 ? ` and ${counted(more, 'run')} before` : ''}`;
};

/** `12 TEXTRACT_ERROR, 3 PARSING_ERROR`, the most first. */
export const formatTypes = ({ byType, ofOtherTypes }: Pick<FailureTotals, 'byType' | 'ofOtherTypes'>): string =>
  [
    ...Object.entries(byType)
      .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
      .map(([type, images]) => `${count(images)} ${sentence(type, 60)}`),
    ...(ofOtherTypes > 0 ? [`${count(ofOtherTypes)} of other types`] : []),
  ].join(', ');

/** Failed images: how many, of what, which last; a button for each cause. */
export function failuresMessage(
  { totals, runIds }: { readonly totals: FailureTotals; readonly runIds: RunIds },
  now: number,
): Message {
  const { images, settledImages, causes, newest, nameless } = totals;
  const from = `Read from ${describeSources(runIds)}.`;
  const settled =
    settledImages === 0 ? [] : [`${counted(settledImages, 'image')} failed earlier and went through since.`];
  const unnamed =
    nameless === 0
      ? []
      : [
          `${counted(nameless, 'record')} of the table ${nameless === 1 ? 'names' : 'name'} no image: the CSV has them.`,
        ];
  const csv = button(ACTION.exportFailures, 'All as CSV', 'failures');
  if (images === 0)
    return compose({
      fact: settledImages === 0 ? 'No image has failed.' : 'No image is failed any more.',
      lines: [...settled, ...unnamed, from],
      buttons: totals.failures === 0 ? [] : [csv],
    });
  const named = causes.top.slice(0, MOST_OFFERS);
  const rest = causes.top
    .slice(MOST_OFFERS)
    .reduce((sum, { totals: { images: n } }) => sum + n, causes.others.totals.images);
  return compose({
    fact: `${counted(images, 'image')} failed: ${formatTypes(totals)}.`,
    lines: [...settled, whereText(totals), ...unnamed],
    figures: [
      tableFigure(
        ['Newest', 'Image', 'Type', 'Error'],
        newest.map(({ at, imageKey, failureType, row }) => [
          at === 0 ? 'not known' : `${duration(now - at)} ago`,
          imageKey === '' ? 'not named' : imageKey,
          failureType,
          row.ErrorMessage ?? '',
        ]),
      ),
    ],
    offers: named.map(({ totals: cause }) => ({
      text: `*${count(cause.images)}* (${percent(cause.images, images)}) ${formatCause(cause)}`,
      button: button(ACTION.retry, 'Retry these', `cause:${cause.id}`),
    })),
    notes: [
      ...(rest > 0
        ? [
            `${counted(rest, 'image')} more, of other causes: \`/rescan export failures\` has all, with the id that \`/rescan retry cause=\` takes.`,
          ]
        : []),
      `Like errors are counted together: numbers, ids, quoted texts and the names of images in them do not count. ${from}`,
    ],
    buttons: [
      button(ACTION.retry, `Retry all ${count(images)}`, 'all', { style: 'primary' }),
      csv,
      button(ACTION.diagnose, 'Diagnose', 'diagnose'),
    ],
  });
}

/** The type and the error that stands for it. */
export const formatCause = ({ failureType, example }: Pick<CauseTotals, 'failureType' | 'example'>): string =>
  `${sentence(failureType, 60)} · ${code(example === '' ? 'no message' : example, 250)}`;

/** Who recorded the failures: what only one of the two knows is worth a look. */
function whereText({ failures, inBoth, inRunOnly, inTableOnly, unlogged }: FailureTotals): string {
  const words = [
    ...(inBoth > 0 ? [`${count(inBoth)} by the table and a run`] : []),
    ...(inRunOnly > 0
      ? [
          `${count(inRunOnly)} by a run alone (${unlogged === 0 ? 'what ends a function from outside leaves no record' : `${count(unlogged)} of them the function should have logged`})`,
        ]
      : []),
    ...(inTableOnly > 0 ? [`${count(inTableOnly)} by the table alone (before the runs, an upload, or pushback)`] : []),
  ];
  return `${counted(failures, 'failure')} on record: ${words.join(', ')}.`;
}
