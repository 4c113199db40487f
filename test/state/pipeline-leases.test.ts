import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { systemClock } from '../../src/lib/clock.ts';
import { createLease } from '../../src/state/lease.ts';
import { createPipelineLeases } from '../../src/state/pipeline-leases.ts';
import { type ControlTable, openControlTable } from '../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite } from '../support/aws/dynalite.ts';
import { createFakeClock } from '../support/rigs/fake-clock.ts';

let dynamo: LocalDynamo;
let table: ControlTable;
beforeEach(async () => {
  dynamo = await startDynalite();
  table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
});
afterEach(() => dynamo.stop());

const leasesOf = (holder: string, pipeline = 'fn', clock = createFakeClock()) =>
  createPipelineLeases({ table, pipeline, holder, durationMs: 2_000, clock });

test('runs, table jobs, function steps and deploys exclude each other, in one process and across processes', async () => {
  const parts = ['runs', 'tableJobs', 'functionSteps', 'deploys'] as const;
  for (const held of parts) {
    const own = leasesOf('one');
    expect(await own[held].acquire()).toMatchObject({ ok: true });
    for (const other of parts) {
      if (other !== held) expect(await own[other].acquire(), `${other} under ${held}`).toMatchObject({ ok: false });
      expect(await leasesOf('two')[other].acquire(), `${other} of another process`).toMatchObject({ ok: false });
    }
    await own[held].release();
  }
});

test('a lease whose record was damaged while it was held, and put back later, expires for the other works of the same process, too', async () => {
  const clock = createFakeClock();
  const { runs, tableJobs } = leasesOf('one', 'fn', clock);
  const key = { pk: 'lease#fn', sk: 'lease' };
  await runs.acquire();
  const held = await table.read(key);
  let lost = 0;
  runs.start(() => lost++);
  await table.update(key, { set: { holder: 'nonsense' } });
  // The answers of a real table take more than a turn of the event loop.
  for (let passed = 0; lost === 0 && passed < 10_000; passed += 100) {
    await clock.advance(100);
    await sleep(5);
  }
  expect(lost).toBe(1);
  await runs.release();
  await table.update(key, { set: { holder: held?.holder } });
  let taken = await tableJobs.acquire();
  expect(taken).toMatchObject({ ok: false });
  // The check for runs that were left looks at the lease all the time.
  for (let passed = 0; passed <= 2_000; passed += 500) {
    await runs.look();
    taken = await tableJobs.acquire();
    await clock.advance(500);
  }
  expect(taken).toMatchObject({ ok: true });
});

test('the leases of the autopilot and of the follow-ups do not exclude the work on the pipeline', async () => {
  const { runs, autopilot, followUps } = leasesOf('one');
  for (const lease of [runs, autopilot, followUps]) expect(await lease.acquire()).toMatchObject({ ok: true });
  const other = leasesOf('two');
  for (const lease of [other.runs, other.autopilot, other.followUps])
    expect(await lease.acquire()).toMatchObject({ ok: false });
});

test('the leases of two pipelines in one control table are independent', async () => {
  expect(await leasesOf('one').runs.acquire()).toMatchObject({ ok: true });
  expect(await leasesOf('one', 'other').runs.acquire()).toMatchObject({ ok: true });
});

test('the lease of the follow-ups is the one that earlier versions of the bot take', async () => {
  const former = createLease({
    table,
    name: 'afterwards#fn',
    holder: 'old',
    durationMs: 2_000,
    clock: createFakeClock(),
  });
  expect(await former.acquire()).toMatchObject({ ok: true });
  expect(await leasesOf('new').followUps.acquire()).toMatchObject({ ok: false, holder: 'old' });
});
