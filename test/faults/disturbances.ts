import type { Random } from '../../src/lib/clock.ts';
import type { Round } from './round.ts';

/** Something that goes wrong while a work is done. `begin` returns what ends it. */
export interface Disturbance {
  readonly name: string;
  /** How long it lasts at most, ms. */
  readonly forMs: number;
  begin(round: Round, random: Random): Promise<() => Promise<void>>;
}

/** The bot dies at once, or is asked to end, and is started again. */
export const killed: Disturbance = {
  name: 'kill -9 or SIGTERM',
  forMs: 400,
  async begin({ here }, random) {
    await here.people.bot(random() < 0.5 ? 'kill' : 'stop');
    return async () => {
      await here.people.bot('start');
    };
  },
};

/** The bot is asked to end while it publishes the new version, the last change of a deploy or rollback, and is started again. */
export const stoppedAtLastChange: Disturbance = {
  name: 'SIGTERM at the last change of a deploy or rollback',
  forMs: 400,
  async begin(round, random) {
    for (const until = Date.now() + LAST_CHANGE_MS; Date.now() < until; ) {
      if (await round.hasSeen(/publishing the new version/)) break;
      await new Promise((resolve) => setTimeout(resolve, 10));
    }
    await new Promise((resolve) => setTimeout(resolve, random() * 150));
    await round.here.people.bot('stop');
    return async () => {
      await round.here.people.bot('start');
    };
  },
};
const LAST_CHANGE_MS = 20_000;

/** One of several copies dies at once, or is asked to end, and is started again. */
export const oneKilled: Disturbance = {
  name: 'kill -9 or SIGTERM of one copy',
  forMs: 2_000,
  async begin({ copies }, random) {
    const copy = copies[Math.floor(random() * copies.length)];
    await copy?.do(random() < 0.5 ? 'kill' : 'stop');
    return async () => {
      await copy?.do('start');
    };
  },
};

/** Several copies, and none of them is disturbed. */
export const undisturbed: Disturbance = { name: 'nothing', forMs: 0, begin: async () => async () => {} };

/** The copy that works dies at once, or is asked to end; any copy where none works. */
export const holderKilled: Disturbance = {
  name: 'kill -9 or SIGTERM of the copy that works',
  forMs: 2_000,
  async begin({ copies, holder }, random) {
    const copy = (await holder()) ?? copies[0];
    await copy?.do(random() < 0.5 ? 'kill' : 'stop');
    return async () => {
      await copy?.do('start');
    };
  },
};

/** The longest wait for another copy to take over, ms: there may be nothing to take. */
const TAKE_OVER_MS = 25_000;

/** The copy that works does not run until another one has taken over, and continues afterwards. */
export const holderFrozen: Disturbance = {
  name: 'SIGSTOP of the copy that works, past its lease',
  forMs: 1_000,
  async begin({ copies, holder, takeOvers }) {
    const pid = ((await holder()) ?? copies[0])?.pid() ?? Number.NaN;
    const before = await takeOvers();
    process.kill(pid, 'SIGSTOP');
    const until = Date.now() + TAKE_OVER_MS;
    while (Date.now() < until && (await takeOvers()) === before)
      await new Promise((resolve) => setTimeout(resolve, 100));
    return async () => {
      process.kill(pid, 'SIGCONT');
    };
  },
};

/** AWS answers in this way for a while. */
export const aws = (name: string, forMs: number, world: Record<string, unknown>, normal: Record<string, unknown>) => ({
  name,
  forMs,
  async begin({ here }: Round) {
    await here.world.set(world);
    return () => here.world.set(normal);
  },
});

export const AWS_FAULTS: readonly Disturbance[] = [
  aws('500s: every second request', 3_000, { proxyErrors: 0.5 }, { proxyErrors: 0 }),
  aws('connections closed without an answer', 3_000, { outage: true }, { outage: false }),
  aws('invocations whose reply is lost', 3_000, { brokenConnections: 0.2 }, { brokenConnections: 0 }),
  aws('DynamoDB answers after a second', 3_000, { addedLatencyMs: 1_000 }, { addedLatencyMs: 10 }),
  aws(
    'DynamoDB throttles two of three requests',
    4_000,
    { dynamodb: { throttleRate: 0.67 } },
    { dynamodb: { throttleRate: 0 } },
  ),
  aws(
    'batches are processed in part',
    4_000,
    { dynamodb: { unprocessedRate: 0.7 } },
    { dynamodb: { unprocessedRate: 0 } },
  ),
  aws('the credentials have expired', 3_000, { expiredCredentials: true }, { expiredCredentials: false }),
  aws('the function has no concurrency left', 3_000, { functionPerMinute: 1 }, { functionPerMinute: 0 }),
];
/** Longer than the bot waits by itself. */
export const LONG_OUTAGE: Disturbance = aws('an outage of two minutes', 120_000, { outage: true }, { outage: false });

/** A request to the local Slack as its administrator. */
export async function inSlack({ here }: Round, path: string, body: unknown): Promise<unknown> {
  const reply = await fetch(`${here.sandbox.slack?.url}/sandbox/${path}`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(body),
  });
  if (!reply.ok) throw new Error(`/sandbox/${path} answered ${reply.status}: ${await reply.text()}`);
  return reply.json();
}

/** Slack answers in this way for a while. */
const slack = (name: string, forMs: number, world: Record<string, unknown>, normal: Record<string, unknown>) => ({
  name,
  forMs,
  async begin(round: Round) {
    await inSlack(round, 'slack-world', world);
    return async () => void (await inSlack(round, 'slack-world', normal));
  },
});

export const SLACK_FAULTS: readonly Disturbance[] = [
  slack('Slack answers 503', 5_000, { down: true }, { down: false }),
  slack('Slack answers 429', 5_000, { rateLimited: true }, { rateLimited: false }),
  slack('the connections to Slack are cut', 5_000, { linksDown: true }, { linksDown: false }),
  slack('Slack answers after two seconds', 5_000, { slowMs: 2_000 }, { slowMs: 0 }),
];
/** As long as an outage of Slack that people remember. */
export const LONG_SLACK_OUTAGES: readonly Disturbance[] = [
  slack('Slack answers 503 for ten minutes', 600_000, { down: true }, { down: false }),
  slack('Slack answers 429 for three minutes', 180_000, { rateLimited: true }, { rateLimited: false }),
];
