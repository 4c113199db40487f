import type { createPipelineReader } from '../../sandbox/tour/pipeline-reader.ts';
import type { createWorld } from '../../sandbox/world.ts';

/** What a message may claim is compared with the state of the local AWS at the moment when Slack received it. */
export interface Observed {
  readonly pipeline: ReturnType<typeof createPipelineReader>;
  readonly world: ReturnType<typeof createWorld>;
  /** Invocations before the round began. */
  readonly invokedBefore: () => number;
  /** When a person last asked for something, epoch ms. */
  readonly askedAt: () => number;
  /** Whether the approver has pressed the button of the message with this ts. */
  readonly hasApproved: (ts: string) => boolean;
}

/** One message or edit, as Slack received it. */
interface Said {
  readonly ts: string;
  /** Text and blocks as one string. */
  readonly text: string;
}

/** Something that messages say, and how it is compared with AWS. */
export interface Claim {
  readonly what: string;
  readonly pattern: RegExp;
  holds(match: RegExpExecArray, observed: Observed, said: Said): Promise<boolean>;
}

const numberOf = (text: string | undefined): number => Number((text ?? '').replaceAll(',', ''));

/** Per round: how many invocations there were before each run. The message of an earlier run may be edited during a later work. */
const beforeRuns = new WeakMap<Observed, Map<string, number>>();

/** How many invocations there were before the work in which the run of `text` was first named; without a run, before this work. */
function invokedBefore(observed: Observed, text: string): number {
  const known = beforeRuns.get(observed) ?? new Map<string, number>();
  beforeRuns.set(observed, known);
  const [runId] = /r-\d+/.exec(text) ?? [];
  if (runId === undefined) return observed.invokedBefore();
  const before = known.get(runId) ?? observed.invokedBefore();
  known.set(runId, before);
  return before;
}

/** The invocations of the run of `text` that ended. */
async function endedOf(observed: Observed, text: string) {
  const before = invokedBefore(observed, text);
  const { last, total, inFlight } = await observed.world.invocations();
  return last.slice(last.length - Math.max(0, total - inFlight - before));
}
const keysOf = async (observed: Observed, text: string) =>
  new Set((await endedOf(observed, text)).map(({ key }) => key));

/** Whether the bot has written to the pipeline's table since a person last asked for something. */
const hasWritten = async ({ world, askedAt }: Observed): Promise<boolean> =>
  (await world.calls()).some(({ operation, at }) => operation === 'TransactWriteItems' && at >= askedAt());

/** How many images a message says have failed. A request that AWS refused each time has not reached the function. */
export const failedIn = (text: string): number =>
  numberOf((/Failed: ([\d,]+)/.exec(text) ?? /([\d,]+) failed/.exec(text))?.[1]);

const isDoneOf = async ([claim, done]: RegExpExecArray, observed: Observed, { text }: Said): Promise<boolean> =>
  numberOf(done) <= (await keysOf(observed, claim)).size + failedIn(text);

/** The claims that hold for a message alone. */
export const CLAIMS: readonly Claim[] = [
  {
    // Not in the edit of its live message, which may come when the next job has begun.
    what: 'the table is empty',
    pattern: /"text":"The flush is done: .*It left the table empty/,
    holds: async (_, { pipeline }) => (await pipeline.countTable()) === 0,
  },
  {
    what: 'a flush or a restore that was halted before its first write has written nothing',
    pattern: /Nothing was deleted\.|Nothing was written to the table\./,
    holds: async (_, observed) => !(await hasWritten(observed)),
  },
  {
    what: 'a backup has as many records as its message says',
    pattern: /Backup `b-([0-9a-f]{8})` is done and verified: ([\d,]+) records/,
    async holds([, short = '', records], { pipeline }) {
      const id = (await pipeline.backupIds()).find((one) => one.endsWith(short));
      return id !== undefined && (await pipeline.countBackup(id)) === numberOf(records);
    },
  },
  {
    what: 'a restore leaves as many records as it says',
    pattern: /The restore is done: ([\d,]+) records? added or overwritten, [\d,]+ removed, ([\d,]+) unchanged/,
    holds: async ([, written, unchanged], { pipeline }) =>
      (await pipeline.countTable()) === numberOf(written) + numberOf(unchanged),
  },
  {
    what: 'no more images are done than the function has answered for or have failed',
    pattern: /Rescan r-\d+\S* is (?:running|paused|complete)[^0-9]*([\d,]+) of ([\d,]+)/,
    holds: isDoneOf,
  },
  {
    what: 'no more images are done than the function has answered for or have failed when a run halts',
    pattern:
      /Rescan r-\d+ (?:was paused by|was stopped by|was interrupted|is interrupted)[^.]*: ([\d,]+) of ([\d,]+) done/,
    holds: isDoneOf,
  },
  {
    what: 'a complete run has invoked every image, or says that it failed',
    pattern: /Rescan r-\d+\S* is complete: ([\d,]+) of ([\d,]+)/,
    holds: async (match, observed, said) => match[1] === match[2] && (await isDoneOf(match, observed, said)),
  },
  {
    what: 'no more images have failed than the function has failed, not answered or never got',
    pattern: /[\d,]+ processed, [\d,]+ rejected, ([\d,]+) failed/,
    async holds([, failed], observed, said) {
      const ended = await endedOf(observed, said.text);
      const bad = ended.filter(({ reply }) => reply !== 'processed' && reply !== 'rejected').map(({ key }) => key);
      const repeated = ended.filter(({ key }, index) => ended.findIndex((one) => one.key === key) !== index);
      const invoked = new Set(ended.map(({ key }) => key));
      const never = [...(await observed.pipeline.imageKeys())].filter((key) => !invoked.has(key));
      return numberOf(failed) <= new Set([...bad, ...repeated.map(({ key }) => key), ...never]).size;
    },
  },
  {
    what: 'nothing is running',
    pattern: /Rescan r-\d+ (?:was paused|was stopped|stopped itself)(?!.*did not wait).*Nothing is running now/,
    holds: async (_, { world }) => (await world.invocations()).inFlight === 0,
  },
  {
    what: 'the deployed function is as its message says',
    pattern: /(Failure logging is deployed)|Rolled back: the function/,
    holds: async ([, isDeployed], { pipeline }) =>
      ((await pipeline.handler()) === 'rescan_failure_logging.handler') === (isDeployed !== undefined),
  },
  {
    what: 'an approval is shown as given only after the approver pressed the button',
    pattern: /was approved by <@U0APPROVER>/,
    holds: async (_, { hasApproved }, { ts }) => hasApproved(ts),
  },
];

/**
 * The claims that compare a message with earlier ones, and those about what happens afterwards. `note` is called for each
 * message and edit, `settle` when a work is over; both return what did not hold.
 */
export function createLongClaims(observed: Observed) {
  const done = new Map<string, number>();
  const said = new Set<string>();
  /** When the bot said that a run begins or goes on. */
  let beginnings: { readonly at: number; readonly runId: string }[] = [];
  let halts: { readonly runId: string; readonly at: number; readonly text: string }[] = [];
  let checked = 0;
  return {
    checked: () => checked,
    note({ ts, text }: Said, at: number): readonly string[] {
      invokedBefore(observed, text);
      const [halt, halted = ''] =
        /Rescan (r-\d+) (?:was paused by|was stopped|is paused|stopped itself)/.exec(text) ?? [];
      // An edit of the message, for example of its buttons, does not say it again. A plan mentions the run before it.
      if (halt !== undefined && !said.has(`${ts} ${halt}`) && !text.includes('Nothing is invoked yet'))
        halts.push({ at, runId: halted, text });
      said.add(`${ts} ${halt}`);
      const [, began] = /Rescan (r-\d+) (?:was resumed by|started|by itself)/.exec(text) ?? [];
      if (began !== undefined && !said.has(`${ts} begins`)) beginnings.push({ at, runId: began });
      if (began !== undefined) said.add(`${ts} begins`);
      const [, runId, count] = /Rescan (r-\d+) [^"]{0,80}?([\d,]+) of [\d,]+ done/.exec(text) ?? [];
      if (runId === undefined) return [];
      const key = `${runId} ${ts}`;
      const before = done.get(key);
      done.set(key, numberOf(count));
      // It counts what the restored control table has, and says so.
      if (before === undefined || text.includes('has an earlier state of')) return [];
      checked += 1;
      return numberOf(count) >= before ? [] : [`the count of ${runId} went from ${before} to ${count}`];
    },
    /** `requests`: when people asked for something, epoch ms. */
    async settle(requests: readonly number[]): Promise<readonly string[]> {
      const untrue: string[] = [];
      const { last } = await observed.world.invocations();
      for (const { at, runId, text } of halts) {
        const until = requests.find((request) => request > at) ?? Number.POSITIVE_INFINITY;
        // A person resumed the run because of an earlier message about this halt, for example the one in the channel.
        const asked = requests.findLast((request) => request <= at);
        const isKnown = asked !== undefined && halts.some((halt) => halt.runId === runId && halt.at < asked);
        const began = beginnings.find((beginning) => isKnown && beginning.runId === runId && beginning.at >= asked)?.at;
        if (began !== undefined && began > at && began < until) continue;
        checked += 1;
        const later = last.filter(({ startedAt }) => startedAt > at + HALT_MS && startedAt < until);
        if (later.length > 0) untrue.push(`${later.length} images started after this message: ${text.slice(0, 300)}`);
      }
      halts = [];
      beginnings = [];
      return untrue;
    },
  };
}

/** From the receipt of a request to its invocation in the local AWS, on a machine that is busy. */
const HALT_MS = 300;
