import type { SampleResult } from '../../../checklist/contracts/step-control.ts';
import { failureOf } from '../../../pipeline/invoke/invocation.ts';
import { code } from '../kit/escape.ts';
import { counted } from '../kit/format.ts';
import { compose, type Message } from '../kit/message.ts';

/** The outcome of each image of a sample. */
export function sampleMessage({ images, failed, unproven }: SampleResult): Message {
  return compose({
    fact:
      failed === 0
        ? `The function works: ${counted(images.length, 'image')} tried, none failed.`
        : `${failed} of ${counted(images.length, 'image')} in the sample failed; a rescan would fail too.`,
    lines: [
      ...images.map(({ key, outcome }) => `• ${code(key, 200)}: ${describeOutcome(outcome)}`),
      ...(unproven === 0
        ? []
        : [
            `It is not known whether the table has the rows of ${counted(unproven, 'image')}: they cannot be found by the key of the table. A rescan checks all rows at its end.`,
          ]),
      ...(failed === 0 ? [] : ['Fix the function, then run `/rescan sample` again.']),
    ],
  });
}

type SampledOutcome = SampleResult['images'][number]['outcome'];
function describeOutcome(outcome: SampledOutcome): string {
  switch (outcome.kind) {
    case 'processed':
      return outcome.entriesStored === undefined
        ? 'processed'
        : `processed, ${counted(outcome.entriesStored, 'entry', 'entries')}`;
    case 'rejected':
      return `rejected (${code(outcome.reason, 120)}), which does not count as a failure`;
    case 'failed':
    case 'gone':
    case 'no-rows': {
      const failure = failureOf(outcome);
      return `failed: ${code(`${failure?.failureType} · ${failure?.message}`, 300)}`;
    }
  }
}
