import { readFile } from 'node:fs/promises';
import type { TableKey } from '../table/table.ts';

/** The files of failure logging in a package: the handler, and the module that it loads at a failure. */
export const MODULE_FILES = ['rescan_failure_logging.py', 'rescan_failure_record.py'] as const;
export type ModuleSources = Readonly<Record<(typeof MODULE_FILES)[number], string>>;
export const MODULE_HANDLER = 'rescan_failure_logging.handler';
/** The variable that names the team's handler. */
export const FORMER_HANDLER = 'RESCAN_FORMER_HANDLER';

/** Reads the files that come with the bot. */
export async function readModuleSources(): Promise<ModuleSources> {
  const [handler, record] = await Promise.all(
    MODULE_FILES.map((file) => readFile(new URL(`../failure-logging/${file}`, import.meta.url), 'utf8')),
  );
  if (handler === undefined || record === undefined) throw new Error('The files of failure logging could not be read.');
  return { 'rescan_failure_logging.py': handler, 'rescan_failure_record.py': record };
}

/** What the module must know about the pipeline. */
export interface ModuleFacts {
  readonly tableName: string;
  readonly tableKeys: readonly TableKey[];
  readonly keyEncoding: 'raw' | 'url';
  /** The model in the settings, for records of a function that does not report its model. */
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

/** The attributes of a failure record (pipeline.md, "Failed-image records"). The last two are those of the bot. */
const ATTRIBUTES: ReadonlySet<string> = new Set(
  `ImageKey FailureTimestamp RecordType FailureType ErrorMessage ErrorCode OCRVersion OCRBuildDate OCRDescription OCRFullVersion ModelId
   ProcessingTimeSeconds InputTokens OutputTokens RawOCROutput ValidationErrors S3Bucket S3Region ImageSize StackTrace CloudWatchLogStream
   AttemptNumber AttemptNumberUnknown FailureLoggingVersion FailureId`.split(/\s+/),
);

/** A key attribute of the table with the name of an attribute of the failure records; undefined when there is none. */
export const keyClash = (tableKeys: readonly TableKey[]): string | undefined =>
  tableKeys.find(({ name }) => ATTRIBUTES.has(name))?.name;
