import type { JsonRecord } from '../../../slack/rules/json.ts';

const SHOWN = ['succeeded', 'failed', 'timedOut', 'aborted', 'running', 'pending', 'pendingRedrive'] as const;
const NAMES: Readonly<Record<(typeof SHOWN)[number], string>> = {
  succeeded: 'succeeded',
  failed: 'failed',
  timedOut: 'timed out',
  aborted: 'aborted',
  running: 'running',
  pending: 'waiting',
  pendingRedrive: 'to redrive',
};

/** The counts of a Map Run that are not 0. */
export const countsText = (counts: JsonRecord): string =>
  SHOWN.filter((name) => Number(counts[name] ?? 0) > 0)
    .map((name) => `${Number(counts[name]).toLocaleString('en-US')} ${NAMES[name]}`)
    .join(', ');
