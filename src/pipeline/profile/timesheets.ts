import type { Profile } from './profile.ts';

/** The default profile: the timesheet pipeline (pipeline.md). */
export const TIMESHEETS: Profile = {
  name: 'timesheets',
  invocation: { payload: { Records: [{ s3: { bucket: { name: '{bucket}' }, object: { key: '{key}' } } }] } },
  reply: {
    entries: 'entries_stored',
    person: 'resource_name',
    dates: 'date_range',
    rejected: 'rejected',
    reason: 'reason',
    status: 'status',
    cost: 'cost_estimate_usd',
    validation: 'validation',
  },
  kinds: [
    { kind: 'rejected', when: [{ key: 'sort', startsWith: 'REJECTED#' }] },
    { kind: 'rejected', when: [{ attribute: 'Rejected', is: true }] },
    { kind: 'coverage', when: [{ attribute: 'WeeksSubmitted', exists: true }] },
    { kind: 'coverage', when: [{ attribute: 'TotalWeeks', exists: true }] },
    { kind: 'zero-hour', when: [{ key: 'sort', startsWith: 'WEEK#' }] },
    {
      kind: 'zero-hour',
      when: [
        { attribute: 'IsZeroHourTimesheet', is: true },
        { attribute: 'ZeroHourReason', exists: true },
      ],
    },
    {
      kind: 'zero-hour',
      when: [
        { attribute: 'IsZeroHourTimesheet', is: true },
        { attribute: 'ProjectCode', exists: false },
      ],
    },
  ],
  growth: ['entry', 'zero-hour', 'rejected', 'coverage'],
  record: {
    image: 'SourceImage',
    // An import of corrected entries keeps it.
    writtenAt: 'ProcessingTimestamp',
    amount: { attribute: 'Hours', unit: 'h', noun: 'hours' },
    code: 'ProjectCode',
  },
  failed: { mark: 'FAILED_IMAGE', names: {} },
  // Coverage is stored under `Nik_Coultas#2025-10`.
  person: { until: '#', spaces: '_', displayName: 'ResourceNameDisplay', column: 'ResourceName' },
  date: { day: 'Date', firstDay: 'WeekStartDate', lastDay: 'WeekEndDate', inSortKey: true },
  imageKey: {
    // `Nik_Coultas` of `…/Nik_Coultas_12.png`.
    person: String.raw`^(?:.*/)?(\p{L}[\p{L} ._'+\-]*?)[^\p{L}/]*(?:\.[^./]*)?$`,
    month: String.raw`(?<!\d)(20\d{2})-?(0[1-9]|1[0-2])(?!\d{3})`,
  },
  // The function looks for the rows of a person's week, deletes them and stores new ones.
  together: ['person', 'first-day'],
  noise: [
    'ProcessingTimestamp',
    'ProcessingTimeSeconds',
    'CostEstimateUSD',
    'InputTokens',
    'OutputTokens',
    'ModelId',
    'OCR*',
    'LastUpdated',
  ],
  // The import of corrected entries writes an empty ZeroHourReason into every row of its sheet, and the next rescan leaves it out again.
  emptyIsAbsent: true,
  versionFile: 'OCR_VERSION.txt',
  labels: {
    entry: ['Timesheet entry', 'Timesheet entries'],
    'zero-hour': ['Zero-hour week', 'Zero-hour weeks'],
    rejected: ['Rejected sheet', 'Rejected sheets'],
    coverage: ['Coverage record', 'Coverage records'],
    failed: ['Failed image', 'Failed images'],
  },
};
