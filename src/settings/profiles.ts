import { parseDocument } from 'yaml';
import { type Result, refuse, succeed } from '../lib/result.ts';
import type { Profile } from '../pipeline/profile/profile.ts';
import { readProfile, readProfileFile } from '../pipeline/profile/read-profile.ts';
import { TIMESHEETS } from '../pipeline/profile/timesheets.ts';

/** The key of a pipeline's profile in the file of pipelines. */
export const PROFILE_KEY = 'profile';

/**
 * The profile of a pipeline: that of PROFILE_FILE, the one that the file of pipelines holds under `profile`, or the default one.
 * @returns one line for each problem
 */
export function profileOf(
  { profileFile }: { readonly profileFile: string },
  /** @throws when the file cannot be read */
  readFile: (path: string) => string,
  /** `where`: the file and the pipeline. `value`: what stands under `profile`; undefined where nothing does. */
  embedded?: { readonly where: string; readonly value: unknown },
): Result<Profile, readonly string[]> {
  if (embedded?.value !== undefined)
    return profileFile === ''
      ? readProfile(embedded.value, embedded.where)
      : refuse([`${embedded.where}: profile and PROFILE_FILE are both given. Allowed: one of the two.`]);
  return profileFile === '' ? succeed(TIMESHEETS) : readProfileFile(profileFile, readFile);
}

/** What a file of pipelines, which is known to be readable, holds under `profile` of each pipeline. */
export function embeddedProfiles(text: string): (pipeline: string) => unknown {
  const document: unknown = parseDocument(text).toJS();
  const at = (value: unknown, name: string): unknown =>
    typeof value === 'object' && value !== null && Object.hasOwn(value, name) ? Reflect.get(value, name) : undefined;
  return (pipeline) => at(at(at(document, 'pipelines'), pipeline), PROFILE_KEY);
}
