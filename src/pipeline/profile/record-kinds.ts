/** What a record stands for. A profile says how the records of its table are recognised (docs/profiles.md). */
export const RECORD_KINDS = ['entry', 'zero-hour', 'rejected', 'coverage', 'failed'] as const;
export type RecordKind = (typeof RECORD_KINDS)[number];
