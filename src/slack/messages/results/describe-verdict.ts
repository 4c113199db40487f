import type { Verdict } from '../../../results/report/validation.ts';
import { sentence } from '../kit/escape.ts';
import { count } from '../kit/format.ts';

const VERDICTS: Readonly<Record<Verdict, string>> = {
  good: 'every image is accounted for',
  look: 'every image has an outcome, but something should be checked',
  unfinished: 'the run has not ended, so nothing is certain yet',
  bad: 'something is missing',
};

/** A verdict as it was stored; one that this version does not know is shown as it is. */
export const describeVerdict = (verdict: string): string =>
  Object.entries(VERDICTS).find(([known]) => known === verdict)?.[1] ?? sentence(verdict, 60);

/** `12 fewer entries and zero-hour weeks than in the backup`; `onlyEntries`: the pipeline has no such weeks. */
export function fewerText(entries: number, onlyEntries = false): string {
  const [one, many] = onlyEntries ? ['entry', 'entries'] : ['entry or zero-hour week', 'entries and zero-hour weeks'];
  return `${count(entries)} fewer ${entries === 1 ? one : many} than in the backup`;
}
