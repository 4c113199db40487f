import type { CsvColumn } from '../../lib/csv/column.ts';
import { withoutSecrets } from '../../lib/redact.ts';
import { type Item, textOf } from '../../pipeline/table/item.ts';

/** pipeline.md, "CSV columns, in this order, that people's spreadsheets already read". */
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
 * Ours: the normalised cause and its id, as `retry cause=` takes it; who recorded it (`table`, `run` or both); the run and Lambda's request id where a run saw it; the
 * run in which the image went through later.
 */
const OUR_COLUMNS = ['Cause', 'CauseId', 'RecordedBy', 'RunId', 'RequestId', 'SettledBy'] as const;

export type FailureField = (typeof PIPELINE_COLUMNS)[number] | (typeof OUR_COLUMNS)[number];

/** One failed image, the text of each cell by its column; what is missing is an empty cell. */
export type FailureRow = Readonly<Partial<Record<FailureField, string>>>;

const NUMBERS: readonly FailureField[] = [
  'ProcessingTimeSeconds',
  'InputTokens',
  'OutputTokens',
  'ImageSize',
  'AttemptNumber',
];

/** The columns of the failures' CSV: those of the pipeline in their order, ours after them. */
export const failureCsvColumns: readonly CsvColumn<FailureRow>[] = [...PIPELINE_COLUMNS, ...OUR_COLUMNS].map(
  (name) => ({ name, kind: NUMBERS.includes(name) ? 'number' : 'text', read: (row) => row[name] }),
);

/** Texts of the pipeline in which a credential may stand. */
const TEXTS: ReadonlySet<FailureField> = new Set(['ErrorMessage', 'ValidationErrors', 'RawOCROutput', 'StackTrace']);

/**
 * A FAILED_IMAGE record of the table as a row, without credentials. An attribute that is neither text nor number stands as its
 * DynamoDB JSON.
 */
export function failureRowOfRecord(item: Item): FailureRow {
  const row: Partial<Record<FailureField, string>> = {};
  for (const name of PIPELINE_COLUMNS) {
    const value = item[name];
    if (value === undefined || 'NULL' in value) continue;
    const text = textOf(value) ?? JSON.stringify(value);
    row[name] = TEXTS.has(name) ? withoutSecrets(text) : text;
  }
  return row;
}
