import { readFileSync } from 'node:fs';
import { expect } from 'vitest';
import { z } from 'zod';
import { seededRandom } from '../../src/run/plan/sample.ts';
import { reportScenario } from '../support/fault-forms.ts';
import { type Disturbance, inSlack } from './disturbances.ts';
import { type Condition, collectButtons, type SeenButton, setCondition } from './network-disturbances.ts';
import { type Round, type RoundOptions, startRound, type Work } from './round.ts';

const IMAGES = 24;
/** A work that waits for a broken connection takes longer than one whose process died. */
const PATIENCE_MS = 60_000;
const MOST_WARNINGS = 12;
const MOST_CHARACTERS = 600;

/** Plays every work with every seed in one round. Fails where a work was not done as it had to be, or a message was not true. */
export async function playRound(
  name: string,
  scenario: {
    readonly seeds: readonly number[];
    readonly works: readonly Work[];
    readonly disturbance: Disturbance;
    readonly condition?: Condition;
    /** Before each work. */
    readonly before?: (round: Round, seed: number) => Promise<void>;
    /** At the end every button of every message is pressed once more, as it was shown at any time. */
    readonly pressesOldButtons?: true;
    readonly settings?: Record<string, string>;
    readonly options?: RoundOptions;
  },
): Promise<void> {
  const { seeds, works, disturbance, condition } = scenario;
  const round = await startRound(IMAGES, { LEASE_SECONDS: '10', ...scenario.settings }, scenario.options);
  const buttons = await collectButtons(round);
  const endCondition = condition && (await setCondition(round, condition));
  const requests: Record<string, number> = {};
  let pressed = 0;
  let posts: readonly Post[] = [];
  try {
    for (const seed of seeds) {
      const random = seededRandom(seed);
      for (const work of works) {
        await scenario.before?.(round, seed);
        const patient = { patienceMs: PATIENCE_MS, ...work };
        const asked = await round.play(patient, random, disturbance).catch((cause) => {
          const why = `seed ${seed}, ${work.name}: ${cause instanceof Error ? cause.message : cause}`;
          reportScenario(name, { failed: why, log: lastWarnings(round) });
          throw new Error(why, { cause });
        });
        requests[work.name] = (requests[work.name] ?? 0) + asked;
      }
    }
    posts = await postsOf(round);
    const seen = await buttons.end();
    if (scenario.pressesOldButtons) {
      await pressOldButtons(round, seen);
      pressed = seen.length;
    }
  } finally {
    await endCondition?.();
    await buttons.end();
    const { untrue, seen, checked } = await round.end();
    reportScenario(name, {
      seeds: seeds.length,
      works: seeds.length * works.length,
      requests: JSON.stringify(requests),
      messages: seen,
      claims: checked,
      untrue: untrue.length,
      ...(pressed > 0 && { oldButtons: pressed }),
    });
    expect.soft(untrue).toEqual([]);
  }
  expect(repeatedIn(posts)).toEqual([]);
}

/** What the log of the bot has last. */
const lastWarnings = ({ here }: Round): string =>
  readFileSync(here.logPath, 'utf8')
    .split('\n')
    .filter((line) => /"level":[456]0/.test(line))
    .slice(-MOST_WARNINGS)
    .map((line) => line.slice(0, MOST_CHARACTERS))
    .join('\n');

const postSchema = z.looseObject({
  text: z.string(),
  channelId: z.string(),
  threadTs: z.string().optional(),
  isBroadcast: z.boolean(),
});
type Post = z.infer<typeof postSchema>;

async function postsOf({ here }: Round): Promise<readonly Post[]> {
  const state = await (await fetch(`${here.sandbox.slack?.url}/sandbox/state`)).json();
  return z.looseObject({ messages: z.array(postSchema) }).parse(state).messages;
}

/** The alerts that are in one thread more than once, without a resume in between: a run that is resumed may halt again. */
function repeatedIn(posts: readonly Post[]): readonly string[] {
  const repeated: string[] = [];
  for (const thread of Map.groupBy(posts, ({ threadTs }) => threadTs).values()) {
    let said = new Set<string>();
    for (const { isBroadcast, text } of thread) {
      if (/ was resumed by /.test(text)) said = new Set();
      if (!isBroadcast) continue;
      // A repetition may be late, and says so.
      const fact = text.replace(/^This is from [^\n]*\n/, '');
      if (said.has(fact))
        repeated.push(`${text}\nIn its thread: ${thread.map((post) => post.text.slice(0, 60)).join(' · ')}`);
      said.add(fact);
    }
  }
  return repeated;
}

const functionSchema = z.looseObject({ handler: z.string() });

/** What must not change when an old button is pressed. */
async function factsOf({ here, pipeline }: Round) {
  const { handler } = functionSchema.parse(await (await fetch(`${here.sandbox.aws?.url}/sandbox/function`)).json());
  const { total } = await here.world.invocations();
  return { records: await pipeline.records(), invocations: total, handler };
}

/** The person whom the button is for. */
const presserOf = ({ actionId }: SeenButton) => (/^approval_/.test(actionId) ? 'approver' : 'operator');

async function pressOldButtons(round: Round, buttons: readonly SeenButton[]): Promise<void> {
  const { people } = round.here;
  const before = await factsOf(round);
  const known = new Set((await people.ephemerals()).map(({ ts }) => ts));
  const exists = new Set((await people.messages()).map(({ ts }) => ts));
  for (const button of buttons)
    if (exists.has(button.ts)) await inSlack(round, 'action', { user: presserOf(button), ...button });
  // The answer of the last one comes after its acknowledgement, and a job that had begun would end soon.
  await people.command('operator', '/rescan status');
  await round.sees(/Nothing is in progress|No rescan is running|is complete/);
  expect(await factsOf(round)).toEqual(before);
  const answers = (await people.ephemerals()).filter(({ ts }) => !known.has(ts)).map(({ text }) => text);
  expect(answers.filter((text) => /Unexpected error/.test(text))).toEqual([]);
}
