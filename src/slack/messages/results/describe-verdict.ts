import type { Verdict } from '../../../results/report/validation.ts';
import { sentence } from '../kit/escape.ts';

const WORDS: Readonly<Record<Verdict, string>> = {
  good: 'every image is accounted for',
  look: 'every image has an outcome, something is worth a look',
  unfinished: 'the run is not over, so nothing is proven yet',
  bad: 'something is missing',
};

/** A verdict as it is on record; a word of another version of the bot stands as it is. */
export const describeVerdict = (verdict: string): string =>
  Object.entries(WORDS).find(([word]) => word === verdict)?.[1] ?? sentence(verdict, 60);
