import { expect, test } from 'vitest';
import { buttonOf, wholeText } from '../../sandbox/people.ts';
import type { Random } from '../../src/lib/clock.ts';
import { seededRandom } from '../../src/run/plan/sample.ts';
import { FAULTS_TIMEOUT_MS, FULL, reportScenario, seedsOf } from '../support/fault-forms.ts';
import { type ControlEntry, openControlTable, withNonsense } from './control-table-damage.ts';
import { undisturbed } from './disturbances.ts';
import { type Round, startRound } from './round.ts';
import { ask, backup, connectionOf, machineRun, requestFlush, restore, run, start } from './works.ts';

const IMAGES = 24;
/** After this time without a write or an invocation nothing is in progress, ms: two leases. */
const QUIET_MS = 5_000;
const WITHIN_MS = 120_000;
/** What a person may ask while something is wrong. */
const READS = ['status', 'checklist', 'backups', 'failures', 'audit', 'schedule list', 'validate', 'engine', 'scope'];

const sleep = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));
async function until(what: string, find: () => Promise<boolean>): Promise<void> {
  const end = Date.now() + WITHIN_MS;
  while (!(await find())) {
    if (Date.now() > end) throw new Error(`It did not happen: ${what}`);
    await sleep(50);
  }
}
const writes = async ({ here }: Round) =>
  (await here.world.calls()).filter(({ operation }) => operation === 'TransactWriteItems').length;
const invocations = async ({ here }: Round) => (await here.world.invocations()).total;

/** What is in progress when the control table is damaged. */
interface Situation {
  readonly name: string;
  begin(round: Round): Promise<void>;
  /** What people do after the damage. */
  readonly afterwards?: (round: Round) => Promise<void>;
  /** Whether the table may lose records: a second person has approved it. */
  readonly isApproved?: true;
}

const SITUATIONS: readonly Situation[] = [
  { name: 'nothing is in progress', begin: async () => {} },
  {
    name: 'a run is running',
    async begin(round) {
      const before = await invocations(round);
      await start(round, 'start keep pace=120');
      await until('images are invoked', async () => (await invocations(round)) >= before + 3);
    },
  },
  {
    name: 'a run on Step Functions is running',
    async begin(round) {
      const before = await invocations(round);
      await round.here.world.set({ latencyMs: { min: 1_000, max: 2_000 } });
      await machineRun.ask(round);
      await until('images are invoked', async () => (await invocations(round)) >= before + 3);
    },
    afterwards: ({ here }) => here.world.set({ latencyMs: { min: 50, max: 300 } }),
  },
  {
    name: 'a flush is running',
    isApproved: true,
    async begin(round) {
      await requestFlush(round);
      await round.here.world.set({ addedLatencyMs: 300 });
      const before = await writes(round);
      await round.approve(/Approval needed: flush/);
      await until('records are deleted', async () => (await writes(round)) > before);
    },
    afterwards: ({ here }) => here.world.set({ addedLatencyMs: 10 }),
  },
  {
    name: 'an approval is open',
    begin: requestFlush,
    async afterwards(round) {
      const asked = await round.sees(/Approval needed: flush/);
      await round.here.people.click('approver', asked.ts, buttonOf(asked, /approve/));
    },
  },
];

type Control = ReturnType<typeof openControlTable>;
interface Damage {
  readonly name: string;
  /** `hourAgo`: the entries at an earlier time. Returns what was done. */
  begin(control: Control, random: Random, hourAgo: readonly ControlEntry[]): Promise<string>;
  /** The way back that the documents tell. */
  end(round: Round, control: Control, before: readonly ControlEntry[]): Promise<void>;
  /** The bot may not notice it, and then what is in progress goes on. */
  readonly mayPass?: true;
}

async function restart({ here }: Round): Promise<void> {
  await here.people.bot('stop');
  await here.people.bot('start');
}

const DAMAGES: readonly Damage[] = [
  {
    name: 'deleted',
    async begin(control) {
      await control.deleteTable();
      return 'deleted';
    },
    end: restart,
  },
  {
    name: 'restored to an earlier time',
    async begin(control, _random, hourAgo) {
      await control.replace(hourAgo);
      return 'restored';
    },
    end: restart,
  },
  {
    name: 'filled with nonsense',
    mayPass: true,
    async begin(control, random) {
      const how: string[] = [];
      for (const entry of await control.entries()) {
        // The audit log and old outcomes are most of the entries.
        if (random() > (/^(?:audit|answers)/.test(entry.pk?.S ?? '') ? 0.05 : 0.4)) continue;
        const made = withNonsense(entry, random);
        await control.put(made.damaged);
        how.push(made.how);
      }
      return how.join('\n');
    },
    end: (_round, control, before) => control.replace(before),
  },
];

const CASES = DAMAGES.flatMap((damage) => SITUATIONS.map((situation) => ({ damage, situation })));

test.each(FULL ? CASES : CASES.slice(0, 1))(
  'a control table that is $damage.name while $situation.name: a clear stop, nothing is guessed or deleted, and the way back works',
  async ({ damage, situation }) => {
    const seeds = seedsOf(1, damage.mayPass ? 10 : 1);
    const round = await startRound(IMAGES);
    const { people } = round.here;
    const control = openControlTable(connectionOf(round));
    let requests = 0;
    try {
      await round.play(backup, seededRandom(1), undisturbed);
      const hourAgo = await control.entries();
      for (const seed of seeds) {
        await situation.begin(round);
        const before = await control.entries();
        const records = await round.pipeline.countTable();
        const damagedAt = Date.now();
        const how = await damage.begin(control, seededRandom(seed), hourAgo);
        for (const read of READS) await ask(round, read);
        await situation.afterwards?.(round);
        requests += READS.length;
        let last = { count: -1, at: Date.now() };
        await until('nothing is in progress', async () => {
          const count = (await writes(round)) + (await invocations(round));
          if (count !== last.count) last = { count, at: Date.now() };
          return Date.now() - last.at > QUIET_MS;
        });
        const late = (await round.here.world.calls()).filter(({ at }) => at > damagedAt + QUIET_MS);
        if (!damage.mayPass) expect(late, 'calls that change something, long after the damage').toEqual([]);
        if (!situation.isApproved) expect(await round.pipeline.countTable()).toBeGreaterThanOrEqual(records);
        const said = [...(await people.messages()), ...(await people.ephemerals())].map(wholeText);
        const unexpected = said.filter((text) => /Unexpected error/.test(text));
        expect(unexpected, how).toEqual([]);
        await damage.end(round, control, before);
        // The bot decides within a lease whether it continues what is in progress by the table.
        await until('no run and no table job is in progress', async () =>
          (await control.entries()).every(({ sk, stateKind }) => stateKind?.S !== 'running' && sk?.S !== 'table-job'),
        );
        await round.play({ ...restore, spanMs: 0 }, seededRandom(seed), undisturbed);
        await round.play({ ...run, spanMs: 0 }, seededRandom(seed), undisturbed);
      }
    } finally {
      control.close();
      const { untrue, seen, checked } = await round.end();
      reportScenario(`the control table is ${damage.name} while ${situation.name}`, {
        seeds: seeds.length,
        works: seeds.length,
        requests,
        messages: seen,
        claims: checked,
        untrue: untrue.length,
      });
      expect.soft(untrue).toEqual([]);
    }
  },
  FAULTS_TIMEOUT_MS,
);
