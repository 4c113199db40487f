import { readFile } from 'node:fs/promises';
import type { TableKey } from '../table/table.ts';

/** The parts of failure logging in a package: the handler, and what a failure loads. */
export const MODULE_FILES = ['rescan_failure_logging.py', 'rescan_failure_record.py'] as const;
export type ModuleSources = Readonly<Record<(typeof MODULE_FILES)[number], string>>;
export const MODULE_HANDLER = 'rescan_failure_logging.handler';
/** The variable that tells the handler whom it calls. */
export const FORMER_HANDLER = 'RESCAN_FORMER_HANDLER';

/** The parts as they ship with the bot. */
export async function readModuleSources(): Promise<ModuleSources> {
  const [handler, record] = await Promise.all(
    MODULE_FILES.map((file) => readFile(new URL(`../failure-logging/${file}`, import.meta.url), 'utf8')),
  );
  if (handler === undefined || record === undefined) throw new Error('Parts of failure logging were not read.');
  return { 'rescan_failure_logging.py': handler, 'rescan_failure_record.py': record };
}

/** What the module must know of the pipeline. */
export interface ModuleFacts {
  readonly tableName: string;
  readonly tableKeys: readonly TableKey[];
  readonly keyEncoding: 'raw' | 'url';
  /** The model as the setting names it, for records of a function that does not tell. */
  readonly modelId: string;
}

/** The variables that the module reads. */
export function moduleEnvironment(formerHandler: string, facts: ModuleFacts): Record<string, string> {
  const named = (role: TableKey['role']) => {
    const key = facts.tableKeys.find((candidate) => candidate.role === role);
    return key && { name: key.name, type: key.type };
  };
  const sort = named('RANGE');
  return {
    [FORMER_HANDLER]: formerHandler,
    RESCAN_TABLE: facts.tableName,
    RESCAN_TABLE_KEY: JSON.stringify({ partition: named('HASH'), ...(sort ? { sort } : {}) }),
    RESCAN_KEY_ENCODING: facts.keyEncoding,
    RESCAN_MODEL_ID: facts.modelId,
  };
}

/** What a record says of its failure (pipeline.md, "Failed-image records"); the last two are ours. */
const ATTRIBUTES: ReadonlySet<string> = new Set(
  `ImageKey FailureTimestamp RecordType FailureType ErrorMessage ErrorCode OCRVersion OCRBuildDate OCRDescription OCRFullVersion ModelId
   ProcessingTimeSeconds InputTokens OutputTokens RawOCROutput ValidationErrors S3Bucket S3Region ImageSize StackTrace CloudWatchLogStream
   AttemptNumber AttemptNumberUnknown FailureLoggingVersion FailureId`.split(/\s+/),
);

/** The key attribute that is named like one of a record's own: no record could hold both its key and what it says there. */
export const keyClash = (tableKeys: readonly TableKey[]): string | undefined =>
  tableKeys.find(({ name }) => ATTRIBUTES.has(name))?.name;
