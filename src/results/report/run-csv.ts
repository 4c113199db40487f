import type { CsvColumn } from '../../lib/csv/column.ts';
import { failureOf } from '../../pipeline/invoke/invocation.ts';
import type { Profile } from '../../pipeline/profile/profile.ts';
import type { OutcomeRecord } from '../../run/model/types.ts';

/** What the function replied for a processed image, also where its rows are missing. */
const ofProcessed = ({ outcome }: OutcomeRecord) =>
  outcome.kind === 'processed' || outcome.kind === 'no-rows' ? outcome : undefined;
const formatNumber = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : String(value);

const personColumn = (name: string): CsvColumn<OutcomeRecord> => ({
  name,
  isNameFromData: true,
  kind: 'text',
  read: (record) => ofProcessed(record)?.resourceName,
});

/** The columns of the CSV of a run: one line per image, in the order in which the outcomes arrived. */
export const runCsvColumns = ({ person }: Pick<Profile, 'person'>): readonly CsvColumn<OutcomeRecord>[] => [
  { name: 'Number', kind: 'number', read: ({ index }) => String(index + 1) },
  { name: 'ImageKey', kind: 'text', read: ({ key }) => key },
  { name: 'Outcome', kind: 'text', read: ({ outcome }) => outcome.kind },
  { name: 'FailureType', kind: 'text', read: ({ outcome }) => failureOf(outcome)?.failureType },
  { name: 'ErrorCode', kind: 'text', read: ({ outcome }) => failureOf(outcome)?.errorCode },
  {
    name: 'Message',
    kind: 'text',
    read: ({ outcome }) => (outcome.kind === 'rejected' ? outcome.reason : failureOf(outcome)?.message),
  },
  {
    name: 'NeedsReview',
    kind: 'text',
    read: ({ outcome }) => (outcome.kind === 'processed' ? outcome.review?.join('; ') : undefined),
  },
  ...(person ? [personColumn(person.column)] : []),
  { name: 'EntriesStored', kind: 'number', read: (record) => formatNumber(ofProcessed(record)?.entriesStored) },
  { name: 'CostUsd', kind: 'number', read: (record) => formatNumber(ofProcessed(record)?.costUsd) },
  { name: 'StartedAt', kind: 'text', read: ({ startedAt }) => new Date(startedAt).toISOString() },
  { name: 'DurationSeconds', kind: 'number', read: ({ durationMs }) => (durationMs / 1000).toFixed(3) },
  { name: 'Throttles', kind: 'number', read: ({ throttles }) => String(throttles) },
  { name: 'RequestId', kind: 'text', read: ({ requestId }) => requestId },
];
