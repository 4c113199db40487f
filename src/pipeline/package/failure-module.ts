import { readFile } from 'node:fs/promises';
import { isDeepStrictEqual } from 'node:util';
import { FAILURE_ATTRIBUTES } from '../profile/failure-names.ts';
import type { Profile } from '../profile/profile.ts';
import { TIMESHEETS } from '../profile/timesheets.ts';
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
  /** The file of the package with the line `VERSION=…`. */
  readonly versionFile: string;
  /** The mark and the names of the records. */
  readonly failed: Profile['failed'];
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
    ...(facts.versionFile === TIMESHEETS.versionFile ? {} : { RESCAN_VERSION_FILE: facts.versionFile }),
    ...(isDeepStrictEqual(facts.failed, TIMESHEETS.failed)
      ? {}
      : { RESCAN_FAILURE_NAMES: JSON.stringify(facts.failed) }),
  };
}

/** A key attribute of the table with the name of an attribute of the failure records; undefined when there is none. */
export const keyClash = ({ tableKeys, failed }: Pick<ModuleFacts, 'tableKeys' | 'failed'>): string | undefined => {
  const names = new Set(FAILURE_ATTRIBUTES.map((attribute) => failed.names[attribute] ?? attribute));
  return tableKeys.find(({ name }) => names.has(name))?.name;
};
