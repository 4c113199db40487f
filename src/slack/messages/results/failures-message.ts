import type { RunIds } from '../../../checklist/contracts/result-control.ts';
import type { CauseTotals, FailureTotals } from '../../../results/failures/failure-totals.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, sentence, shorten } from '../kit/escape.ts';
import { count, counted, duration, percent } from '../kit/format.ts';
import { compose, type Message, refuseWith } from '../kit/message.ts';
import { tableFigure } from '../kit/table-figure.ts';

const MOST_OFFERS = 8;
const MOST_RUNS_NAMED = 6;

/** `the table and r-0002, r-0001` */
const describeSources = (runIds: RunIds): string => {
  if (runIds.length === 0) return 'the table only (no run was ever started)';
  const named = runIds.slice(0, MOST_RUNS_NAMED).map((id) => code(id, 40));
  const more = runIds.length - named.length;
  return `the table and ${named.join(', ')}${more > 0 ? ` and ${counted(more, 'earlier run')}` : ''}`;
};

/** `12 TEXTRACT_ERROR, 3 PARSING_ERROR`, the most frequent first. */
const formatTypes = ({ byType, ofOtherTypes }: Pick<FailureTotals, 'byType' | 'ofOtherTypes'>): string =>
  [
    ...Object.entries(byType)
      .sort(([a, n], [b, m]) => m - n || (a < b ? -1 : 1))
      .map(([type, images]) => `${count(images)} ${sentence(type, 60)}`),
    ...(ofOtherTypes > 0 ? [`${count(ofOtherTypes)} of other types`] : []),
  ].join(', ');

/** The failed images: how many, by cause with a button each, and the newest. */
export function failuresMessage(
  { totals, runIds }: { readonly totals: FailureTotals; readonly runIds: RunIds },
  now: number,
): Message {
  const { images, settledImages, causes, newest, nameless } = totals;
  const from = `Read from ${describeSources(runIds)}.`;
  const settled =
    settledImages === 0
      ? []
      : [`${count(settledImages)} failed earlier and ${settledImages === 1 ? 'has' : 'have'} since succeeded.`];
  const unnamed =
    nameless === 0
      ? []
      : [
          `${counted(nameless, 'failure record names', 'failure records name')} no image; the CSV lists ${nameless === 1 ? 'it' : 'them'}.`,
        ];
  const csv = button(ACTION.exportFailures, 'All as CSV', 'failures');
  if (images === 0)
    return compose({
      fact: 'No failed images.',
      lines: [...settled, ...unnamed, from],
      buttons: totals.failures === 0 ? [] : [csv],
    });
  const named = causes.top.slice(0, MOST_OFFERS);
  const rest = causes.top
    .slice(MOST_OFFERS)
    .reduce((sum, { totals: { images: n } }) => sum + n, causes.others.totals.images);
  return compose({
    fact: `${counted(images, 'image')} failed: ${formatTypes(totals)}.`,
    lines: [...settled, recordedIn(totals), ...unnamed],
    figures: [
      tableFigure(
        ['Newest', 'Image', 'Type', 'Error'],
        newest.map(({ at, imageKey, failureType, row }) => [
          at === 0 ? 'unknown' : `${duration(now - at)} ago`,
          imageKey === '' ? '(no name)' : imageKey,
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
            `${counted(rest, 'image')} more with other causes: \`/rescan export failures\` lists all, with the id for \`/rescan retry cause=ID\`.`,
          ]
        : []),
      `Similar errors are grouped (numbers, ids and file names are ignored). ${from}`,
    ],
    buttons: [
      button(ACTION.retry, `Retry all ${count(images)}`, 'all', { style: 'primary' }),
      csv,
      ...runIds.slice(0, 1).map((runId) => button(ACTION.diagnose, `Diagnose ${shorten(runId, 40)}`, runId)),
    ],
  });
}

/** The failure type and an example of its error. */
export const formatCause = ({ failureType, example }: Pick<CauseTotals, 'failureType' | 'example'>): string =>
  `${sentence(failureType, 60)} · ${code(example === '' ? 'no message' : example, 250)}`;

/** Where the failures are recorded: in the table, by a run, or both. */
function recordedIn({ failures, inBoth, inRunOnly, inTableOnly, unlogged }: FailureTotals): string {
  const parts = [
    ...(inBoth > 0 ? [`${count(inBoth)} in the table and in a run`] : []),
    ...(inRunOnly > 0
      ? [
          `${count(inRunOnly)} only in a run (${unlogged === 0 ? 'time-outs and crashes leave no record in the table' : `the function should have logged ${count(unlogged)} of them in the table`})`,
        ]
      : []),
    ...(inTableOnly > 0
      ? [`${count(inTableOnly)} only in the table (older than the runs, from an upload, or throttled)`]
      : []),
  ];
  return parts.length === 1
    ? `${counted(failures, 'failure')}, recorded ${parts[0]?.replace(/^[\d,]+ /, '')}.`
    : `${counted(failures, 'failure')} recorded: ${parts.join(', ')}.`;
}

/** A button retries the images of a run, and a later run has changed since then what is failed or missing. */
export const retryOutdatedMessage = (runId: string, lastRunId: string): Message =>
  refuseWith(
    `Nothing was done: this button belongs to ${code(runId, 40)}, and ${code(lastRunId, 40)} has run since.`,
    '`/rescan failures` lists what has failed until now, with buttons to retry; `/rescan validate` lists what is missing.',
  );
