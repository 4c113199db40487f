import type { CsvColumn } from '../../lib/csv/column.ts';
import { type Item, shownValue, textOf } from '../../pipeline/table/item.ts';

/** The columns that people's spreadsheets already read, in this order (pipeline.md, "CSV columns"). */
const PIPELINE_COLUMNS = [
  'ImageKey',
  'FailureTimestamp',
  'FailureType',
  'ErrorMessage',
  'ErrorCode',
  'OCRVersion',
  'OCRBuildDate',
  'OCRFullVersion',
  'ModelId',
  'ProcessingTimeSeconds',
  'InputTokens',
  'OutputTokens',
  'ValidationErrors',
  'S3Bucket',
  'ImageSize',
  'AttemptNumber',
  'CloudWatchLogStream',
  'RawOCROutput',
  'StackTrace',
] as const;

/**
 * The columns of the bot: the cause and its id, as `retry cause=` accepts it; who recorded the failure (`table`, `run`
 * or both); the run and Lambda's request id, if a run saw it; the run in which the image succeeded later.
 */
const OUR_COLUMNS = ['Cause', 'CauseId', 'RecordedBy', 'RunId', 'RequestId', 'SettledBy'] as const;

export type FailureField = (typeof PIPELINE_COLUMNS)[number] | (typeof OUR_COLUMNS)[number];

/** One failed image: the text of each cell by its column. A missing column is an empty cell. */
export type FailureRow = Readonly<Partial<Record<FailureField, string>>>;

const NUMBER_COLUMNS: readonly FailureField[] = [
  'ProcessingTimeSeconds',
  'InputTokens',
  'OutputTokens',
  'ImageSize',
  'AttemptNumber',
];

/** The columns of the CSV of failures: those of the pipeline, then those of the bot. */
export const failureCsvColumns: readonly CsvColumn<FailureRow>[] = [...PIPELINE_COLUMNS, ...OUR_COLUMNS].map(
  (name) => ({ name, kind: NUMBER_COLUMNS.includes(name) ? 'number' : 'text', read: (row) => row[name] }),
);

/** Columns whose text may contain a credential. */
const REDACTED_COLUMNS: ReadonlySet<FailureField> = new Set([
  'ErrorMessage',
  'ValidationErrors',
  'RawOCROutput',
  'StackTrace',
]);

/**
 * A record of a failed image, with the default names of its attributes, as a row, without credentials. An attribute that is neither text nor number is
 * written as DynamoDB JSON.
 */
export function failureRowOfRecord(item: Item): FailureRow {
  const row: Partial<Record<FailureField, string>> = {};
  for (const name of PIPELINE_COLUMNS) {
    const value = item[name];
    if (value === undefined || 'NULL' in value) continue;
    row[name] = REDACTED_COLUMNS.has(name) ? shownValue(value) : (textOf(value) ?? JSON.stringify(value));
  }
  return row;
}
