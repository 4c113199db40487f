import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import type { RecordShape } from '../../../src/pipeline/table/records.ts';

/** The keys of the table in pipeline.md, and its profile. Other teams' tables have others, so nothing in `src` knows the keys. */
export const PIPELINE_KEYS: RecordShape = { hash: 'ResourceName', range: 'DateProjectCode', profile: TIMESHEETS };
