import type { ProfilePart } from '../../../pipeline/profile/profile.ts';
import { code } from '../kit/escape.ts';

const WHAT: Readonly<Record<ProfilePart, string>> = {
  person: 'where a record names a person, so records cannot be chosen by people',
  date: 'where a record names a date, so records cannot be chosen by days',
};

/** Why a question that needs a part of the profile cannot be answered. */
export const profileLacksLines = ({ what, profile }: { readonly what: ProfilePart; readonly profile: string }) => [
  `The profile ${code(profile, 60)} of this pipeline does not say ${WHAT[what]}.`,
];
