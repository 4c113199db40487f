import { setImmediate, setTimeout as sleep } from 'node:timers/promises';
import { countOpenRequests, countResources } from './resources.ts';
import type { Office } from './work-round.ts';

const { gc } = globalThis;
if (!gc) throw new Error('Start this with --expose-gc.');
const measure = countResources(() => gc());
const openRequests = countOpenRequests();

const { createPeople, wholeText } = await import('../../../sandbox/people.ts');
const { createWorld } = await import('../../../sandbox/world.ts');
const { startBot } = await import('../../../src/app/bot.ts');
const { createLogger } = await import('../../../src/lib/log.ts');
const { readBotSettings } = await import('../../../src/settings.ts');
const { workRound } = await import('./work-round.ts');
const { createFakeClock } = await import('../../support/rigs/fake-clock.ts');

/**
 * The whole bot on a clock that goes from one due sleeper to the next, so that hours pass in seconds. People use it, round after
 * round (work-round.ts), and a schedule fires.
 * Prints a JSON line with what the process holds after each round. Arguments: minutes of each round, number of rounds.
 */
const [minutesText = '60', roundsText = '5'] = process.argv.slice(2);
const MINUTE_MS = 60_000;
/** Real time in which an event must come, however much of the clock's time passes. */
const WITHIN_MS = 120_000;
const slackUrl = new URL(process.env.SLACK_API_URL ?? '').origin;
// A person repeats a request while the bot connects anew.
const people = createPeople(slackUrl, { awaitBotMs: WITHIN_MS });
const world = createWorld(process.env.AWS_ENDPOINT_URL ?? '');
const clock = createFakeClock(Date.now());
const settings = readBotSettings(process.env);
/** The clock of AWS must not lag behind by more: the bot follows it. */
const AWS_LAG_MS = 1_000;
const QUIET_MS = 250;
/** Turns of the event loop without a request. */
const CALM_TURNS = 10;
let warnings = 0;
process.on('warning', () => {
  warnings += 1;
});

/** Waits until every request is answered and nothing more was sent because of it; not for an answer that needs time to pass. */
async function quiet(): Promise<void> {
  const end = Date.now() + QUIET_MS;
  for (let calm = 0; calm < CALM_TURNS && Date.now() < end; calm += 1) {
    if (openRequests() > 0) {
      calm = 0;
      await sleep(0);
    } else await setImmediate();
  }
}

let awsAheadMs = 0;
async function step(until: number): Promise<void> {
  await quiet();
  await clock.advance(Math.max(0, Math.min(clock.nextWakeAt(), until) - clock.now()));
  const ahead = clock.now() - Date.now();
  if (Math.abs(ahead - awsAheadMs) < AWS_LAG_MS) return;
  awsAheadMs = ahead;
  await world.set({ clockAheadMs: ahead });
}
async function pass(ms: number): Promise<void> {
  const until = clock.now() + ms;
  while (clock.now() < until) await step(until);
  await quiet();
}
/** Lets the time pass until `work` is done. */
async function during<T>(work: Promise<T>): Promise<T> {
  let isDone = false;
  const done = work.finally(() => {
    isDone = true;
  });
  done.catch(() => {});
  while (!isDone) await step(clock.now() + 100);
  return done;
}
/** Lets the time pass until `find` finds something. */
async function until<T>(find: () => Promise<T | undefined>, what: string): Promise<T> {
  const end = Date.now() + WITHIN_MS;
  for (;;) {
    const found = await find();
    if (found !== undefined) return found;
    if (Date.now() > end)
      throw new Error(
        `${what} did not come:\n${(await people.messages())
          .slice(-8)
          .map(({ text }) => `- ${text}`)
          .join('\n')}\n${(await people.ephemerals())
          .slice(-5)
          .map(({ text }) => `- ${text}`)
          .join('\n')}`,
      );
    await pass(1_000);
  }
}
let since = '';
const shown = async () => [...(await people.messages()), ...(await people.ephemerals())];
const sees = (what: RegExp) =>
  until(
    async () => (await shown()).filter(({ ts }) => ts > since).findLast((message) => what.test(wholeText(message))),
    String(what),
  );
const say = (text: string, user = 'operator') => during(people.command(user, `/rescan ${text}`));
const post = (path: string, body: object) =>
  during(
    fetch(`${slackUrl}/sandbox/${path}`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    }).then(async (reply) => {
      if (!reply.ok) throw new Error(`${path} answered ${reply.status}: ${await reply.text()}`);
      await reply.text();
    }),
  );

const office: Office = {
  say,
  click: (user, ts, actionId) => during(people.click(user, ts, actionId)),
  sees,
  post,
};
async function playRound(round: number): Promise<void> {
  const endsAt = clock.now() + Number(minutesText) * MINUTE_MS;
  since =
    (await shown())
      .map(({ ts }) => ts)
      .sort()
      .at(-1) ?? '';
  await workRound(office, round);
  await pass(Math.max(0, endsAt - clock.now()));
}

const stop = await during(startBot(settings, createLogger(settings.process.logLevel), clock));
await say('schedule backup "0 */6 * * *" soak');
await sees(/Schedule .* is set/);
const begun = clock.now();
for (let round = 0; round < Number(roundsText); round += 1) {
  await playRound(round);
  const held = await measure();
  const minutes = Math.round((clock.now() - begun) / MINUTE_MS);
  console.log(JSON.stringify({ round, minutes, ...held, sleepers: clock.sleeping(), warnings }));
}
await during(stop());
process.exit(0);
