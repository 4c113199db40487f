import type { CsvColumn } from '../../lib/csv/column.ts';
import type { OutcomeRecord } from '../../run/model/types.ts';

type Outcome = OutcomeRecord['outcome'];
const ofProcessed = (outcome: Outcome) => (outcome.kind === 'processed' ? outcome : undefined);
const ofFailed = (outcome: Outcome) => (outcome.kind === 'failed' ? outcome : undefined);
const formatNumber = (value: number | undefined): string | undefined =>
  value === undefined ? undefined : String(value);

/** The columns of the CSV of a run: one line per outcome, in the order in which they arrived. */
export const runCsvColumns: readonly CsvColumn<OutcomeRecord>[] = [
  { name: 'Number', kind: 'number', read: ({ index }) => String(index + 1) },
  { name: 'ImageKey', kind: 'text', read: ({ key }) => key },
  { name: 'Outcome', kind: 'text', read: ({ outcome }) => outcome.kind },
  { name: 'FailureType', kind: 'text', read: ({ outcome }) => ofFailed(outcome)?.failureType },
  { name: 'ErrorCode', kind: 'text', read: ({ outcome }) => ofFailed(outcome)?.errorCode },
  {
    name: 'Message',
    kind: 'text',
    read: ({ outcome }) => (outcome.kind === 'rejected' ? outcome.reason : ofFailed(outcome)?.message),
  },
  { name: 'ResourceName', kind: 'text', read: ({ outcome }) => ofProcessed(outcome)?.resourceName },
  { name: 'EntriesStored', kind: 'number', read: ({ outcome }) => formatNumber(ofProcessed(outcome)?.entriesStored) },
  { name: 'CostUsd', kind: 'number', read: ({ outcome }) => formatNumber(ofProcessed(outcome)?.costUsd) },
  { name: 'StartedAt', kind: 'text', read: ({ startedAt }) => new Date(startedAt).toISOString() },
  { name: 'DurationSeconds', kind: 'number', read: ({ durationMs }) => (durationMs / 1000).toFixed(3) },
  { name: 'Throttles', kind: 'number', read: ({ throttles }) => String(throttles) },
  { name: 'RequestId', kind: 'text', read: ({ requestId }) => requestId },
];
