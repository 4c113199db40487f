import type { Profile } from '../../../pipeline/profile/profile.ts';

/** What people add up in the records of a pipeline, as words: hours by default. */
export interface AmountWords {
  /** The attribute: `Hours`. */
  readonly name: string;
  /** `hours`, in a sentence. */
  readonly word: string;
  /** ` h`, behind a number. */
  readonly unit: string;
  /** ` hours`, behind a number in a sentence. */
  readonly noun: string;
}

/** Undefined where the profile names no amount: texts about it are left out. */
export function amountWords({ record: { amount } }: Pick<Profile, 'record'>): AmountWords | undefined {
  if (!amount) return;
  const { attribute: name, unit } = amount;
  const word = name.toLowerCase();
  const spaced = (text: string) =>
    text === '' ? '' : ` ${text.replaceAll(/[^\p{L}\p{N} €$£%.-]/gu, '').slice(0, 20)}`;
  return { name, word, unit: spaced(unit), noun: spaced(amount.noun ?? (unit || word)) };
}
