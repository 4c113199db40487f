import { hash } from 'node:crypto';
import type { Profile } from '../../pipeline/profile/profile.ts';
import { TIMESHEETS } from '../../pipeline/profile/timesheets.ts';

type Rules = Pick<Profile, 'kinds' | 'failed'>;

/** The mark of failed images and the attribute that holds it are part of the rules where they are not the default ones. */
const failedRuleOf = ({ failed: { mark, names } }: Rules): readonly string[] =>
  mark === TIMESHEETS.failed.mark && names.RecordType === undefined ? [] : [mark, names.RecordType ?? ''];

const hashOf = (rules: Rules): string =>
  hash('sha256', [JSON.stringify(rules.kinds), ...failedRuleOf(rules)].join('\n'), 'hex').slice(0, 16);

/** Names the rules by which the counts of a backup were made; undefined: those of the timesheet pipeline, as in every older backup. */
export const kindRulesOf = (profile: Rules): string | undefined =>
  hashOf(profile) === hashOf(TIMESHEETS) ? undefined : hashOf(profile);
