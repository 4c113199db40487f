import type { KeyNames } from '../../../src/pipeline/table/records.ts';

/** The keys of the table in pipeline.md. Other teams' tables have others, so nothing in `src` knows them. */
export const PIPELINE_KEYS: KeyNames = { hash: 'ResourceName', range: 'DateProjectCode' };
