import { expect, test } from 'vitest';
import { createContext } from '../../src/app/context.ts';
import { createFollowedClock } from '../../src/lib/followed-clock.ts';
import { createLogger } from '../../src/lib/log.ts';
import { createAwsClients } from '../../src/pipeline/aws.ts';
import { TIMESHEETS } from '../../src/pipeline/profile/timesheets.ts';
import { readSettings } from '../../src/settings.ts';
import { createMemoryControlTable } from '../support/memory/memory-control-table.ts';
import { createFakeClock } from '../support/rigs/fake-clock.ts';

const LEASE_MS = 20_000;

/** The leases of a copy of the bot, and the clock that follows AWS. */
function copyOf(
  table: ReturnType<typeof createMemoryControlTable>['table'],
  machine: ReturnType<typeof createFakeClock>,
) {
  const clock = createFollowedClock(machine);
  clock.begin();
  const { leases } = createContext({
    settings: readSettings({
      SLACK_BOT_TOKEN: 'xoxb-1',
      SLACK_APP_TOKEN: 'xapp-1',
      SLACK_CHANNELS: 'C01',
      LEASE_SECONDS: String(LEASE_MS / 1_000),
    }),
    profile: TIMESHEETS,
    aws: createAwsClients(clock, { awsRegion: 'us-east-1', awsProfile: '', awsEndpointUrl: '' }),
    table,
    clock,
    random: () => 0.5,
    logger: createLogger('silent'),
    holder: `copy-${Math.random()}`,
  });
  return { clock, leases };
}

test('A copy whose clock is corrected by 10 minutes does not take the lease of a copy that works', async () => {
  const { table } = createMemoryControlTable();
  const machine = createFakeClock(1_000_000_000);
  const [worker, other] = [copyOf(table, machine), copyOf(table, machine)];
  expect(await worker.leases.runs.acquire()).toMatchObject({ ok: true });
  await other.leases.runs.look();
  for (let reply = 0; reply < 3; reply += 1) other.clock.ask()(machine.now() + 600_000);
  expect(other.clock.now() - machine.now()).toBeGreaterThan(590_000);
  expect(await other.leases.runs.acquire()).toMatchObject({ ok: false });
  expect(worker.leases.runs.holds()).toBe(true);
});

test('A copy that works keeps its lease when its clock is corrected by 10 minutes', async () => {
  const { table } = createMemoryControlTable();
  const machine = createFakeClock(1_000_000_000);
  const worker = copyOf(table, machine);
  expect(await worker.leases.runs.acquire()).toMatchObject({ ok: true });
  for (let reply = 0; reply < 3; reply += 1) worker.clock.ask()(machine.now() + 600_000);
  expect(worker.leases.runs.holds()).toBe(true);
});
