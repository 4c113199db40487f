import { parseDocument } from 'yaml';
import type { z } from 'zod';
import { suggestNearest } from '../../lib/nearest.ts';
import { redact } from '../../lib/redact.ts';
import { type Result, refuse, succeed } from '../../lib/result.ts';
import { type Profile, profileSchema } from './profile.ts';

const MAX_SHOWN = 80;

/**
 * Reads a profile. `where`: the file, or the place in it, for people.
 * @returns the profile, or one line for each problem: where, path, value, allowed
 */
export function readProfile(given: unknown, where: string): Result<Profile, readonly string[]> {
  const read = profileSchema.safeParse(given);
  if (read.success) return succeed(read.data);
  return refuse(read.error.issues.flatMap((issue) => linesOf(issue, given, where)));
}

/** Reads a profile from a YAML text. @returns as `readProfile` */
export function readProfileText(text: string, where: string): Result<Profile, readonly string[]> {
  const document = parseDocument(text);
  if (document.errors.length > 0)
    return refuse(
      document.errors.map(({ message, linePos }) => {
        const [first = ''] = message.split('\n');
        return `${where} line ${linePos?.[0].line ?? 1}: this is not YAML: ${first}`;
      }),
    );
  return readProfile(document.toJS(), where);
}

/** Reads the profile of a YAML file. @returns as `readProfile` */
export function readProfileFile(
  file: string,
  /** @throws when the file cannot be read */
  readFile: (path: string) => string,
): Result<Profile, readonly string[]> {
  let text: string;
  try {
    text = readFile(file);
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    return refuse([`PROFILE_FILE is ${JSON.stringify(file)}, which cannot be read: ${why}. Allowed: a YAML file.`]);
  }
  return readProfileText(text, file);
}

function linesOf(issue: z.core.$ZodIssue, given: unknown, where: string): readonly string[] {
  const path = issue.path.map(String);
  if (issue.code === 'unrecognized_keys') {
    const known = knownKeys(path);
    return issue.keys.map((key) => {
      const [nearest] = suggestNearest(key, known);
      return `${where}: ${pathText([...path, key])} is not known. Allowed: ${nearest ?? (known.join(', ') || 'the names in docs/profiles.md')}.`;
    });
  }
  const value = path.reduce<unknown>(
    (at, part) => (typeof at === 'object' && at !== null ? Reflect.get(at, part) : undefined),
    given,
  );
  const shown = value === undefined ? 'missing' : redact(JSON.stringify(value).slice(0, MAX_SHOWN));
  return [`${where}: ${pathText(path)} is ${shown}. Allowed: ${issue.message}.`];
}

/** `kinds[2].when[0]` */
const pathText = (path: readonly string[]): string =>
  path.length === 0
    ? 'the profile'
    : path.map((part, at) => (/^\d+$/.test(part) ? `[${part}]` : at === 0 ? part : `.${part}`)).join('');

/** The names that are allowed at the top of a profile, or in one of its maps. */
function knownKeys(path: readonly string[]): readonly string[] {
  const [first] = path;
  const { shape } = profileSchema;
  if (first === undefined) return Object.keys(shape);
  return path.length === 1 && first in PARTS ? Object.keys(PARTS[first] ?? {}) : [];
}

/** The names in the maps of a profile. */
const PARTS: Readonly<Record<string, object>> = {
  invocation: profileSchema.shape.invocation.shape,
  reply: profileSchema.shape.reply.shape,
  record: profileSchema.shape.record.shape,
  failed: { mark: '', names: '' },
};
