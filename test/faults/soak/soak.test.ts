import { expect, test } from 'vitest';
import { FAULTS_TIMEOUT_MS, FULL, reportScenario } from '../../support/fault-forms.ts';
import { type HeldAfterRound, playSoak } from './play.ts';

/** The long form has 10,000 minutes. In the first rounds caches fill and connections are opened. */
const FORM = FULL ? { minutes: 500, rounds: 20 } : { minutes: 2, rounds: 4 };
const WARM_UP = FULL ? 4 : 3;
/** The heap after a collection may grow by this, MB: compiled code and caches. */
const HEAP_MARGIN_MB = 8;
/** What the real time does not change: exactly as much as in the first rounds. */
const EXACT = ['others', 'warnings'] as const;
/** The clients of src/pipeline/aws.ts. A client that an earlier run left open is one more. */
const MOST_POOLS = 9;
/**
 * Connections to Slack close after some seconds of real time, and have timers and about ten listeners each: a few more or less. `fetch` keeps
 * its listener of a request's time limit until the request is collected. The Home tab sleeps at most once for each person.
 */
const WITH_CONNECTIONS = { timers: 4, descriptors: 8, listeners: 80, abortListeners: 60, sleepers: 3 } as const;

test(
  'A bot that works for hours has no more timers, connections, files, listeners and memory at the end than after its first rounds',
  async () => {
    const held: HeldAfterRound[] = [];
    await playSoak(FORM, (round) => {
      held.push(round);
      reportScenario('soak', round);
    });
    expect(held).toHaveLength(FORM.rounds);
    const growth = (name: keyof HeldAfterRound): number => {
      const values = held.map((round) => round[name]);
      return (values.at(-1) ?? Number.NaN) - Math.max(...values.slice(0, WARM_UP));
    };
    const seen = (name: keyof HeldAfterRound): string => `${name}: ${held.map((round) => Math.round(round[name]))}`;
    for (const name of EXACT) expect(growth(name), seen(name)).toBeLessThanOrEqual(0);
    expect(held.at(-1)?.pools, seen('pools')).toBeLessThanOrEqual(MOST_POOLS);
    for (const name of ['timers', 'descriptors', 'listeners', 'abortListeners', 'sleepers'] as const)
      expect(growth(name), seen(name)).toBeLessThanOrEqual(WITH_CONNECTIONS[name]);
    expect(growth('heapMb'), seen('heapMb')).toBeLessThanOrEqual(HEAP_MARGIN_MB);
  },
  FAULTS_TIMEOUT_MS,
);
