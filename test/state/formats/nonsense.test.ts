import { readFileSync } from 'node:fs';
import { type AttributeValue, PutItemCommand, ScanCommand } from '@aws-sdk/client-dynamodb';
import { expect, onTestFinished, test } from 'vitest';
import { createApprovalStore } from '../../../src/approvals/approval-store.ts';
import { createAutopilotStore } from '../../../src/checklist/autopilot/autopilot-store.ts';
import { createDeployStore } from '../../../src/checklist/deploy/deploy-store.ts';
import { createPendingTests } from '../../../src/checklist/logging-test/pending-tests.ts';
import { createScheduleStore } from '../../../src/checklist/schedules/schedule-store.ts';
import { createChecklistStore } from '../../../src/checklist/steps/checklist-store.ts';
import { createBackupJobRecord, createJobRecord } from '../../../src/checklist/table-jobs/job-record.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { carriedFault } from '../../../src/pipeline/fault.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { seededRandom } from '../../../src/run/plan/sample.ts';
import { createRunStore } from '../../../src/run/store/run-store.ts';
import { createAnswerStore } from '../../../src/state/answer-store.ts';
import { createButtonMessages } from '../../../src/state/button-messages.ts';
import { createChannelBindingStore } from '../../../src/state/channel-bindings.ts';
import { createChannelIdStore } from '../../../src/state/channel-ids.ts';
import { createDeliveryClaims } from '../../../src/state/delivery-claims.ts';
import { createEarlyAlerts } from '../../../src/state/early-alerts.ts';
import { createFollowUps } from '../../../src/state/follow-ups.ts';
import { createLease } from '../../../src/state/lease.ts';
import { createOutbox } from '../../../src/state/outbox.ts';
import { type ControlTable, openControlTable } from '../../../src/state/table/control-table.ts';
import { withNonsense } from '../../faults/control-table-damage.ts';
import { startDynalite } from '../../support/aws/dynalite.ts';
import { seedsOf } from '../../support/fault-forms.ts';

const PIPELINE = 'TimesheetOCR-ocr-dev';
const name = PIPELINE;
const tableName = 'nonsense';
const fixture = readFileSync(new URL('./control-table-1.jsonl', import.meta.url), 'utf8')
  .trim()
  .split('\n');

const REQUEST = { who: 'U1', what: '/rescan pause', shownAs: '/rescan pause', at: 1, isAudited: true };

/** Entries of the kinds that the fixture lacks, as the bot writes them. */
async function fill(table: ControlTable): Promise<string> {
  await createOutbox({ table, name, warn: () => {} }).put({ text: 'one' }, 1);
  await createOutbox({ table, name, warn: () => {} }).put({ text: 'two' }, 2);
  await createFollowUps({ table, name, warn: () => {} }).put({ id: 'f-1', at: 1, about: { runId: 'r-0001' } });
  await createButtonMessages({ table, name, warn: () => {} }).put({
    id: 'r-1',
    state: 'paused',
    channel: 'C1',
    ts: '1.1',
    message: {},
  });
  await createChannelIdStore({ table, name }).put('C1', 'C2');
  await createDeliveryClaims({ table, name, warn: () => {} }).claim('d-1', 'owner', REQUEST);
  await createEarlyAlerts({ table, name }).put('r-0001', { channel: 'C1', ts: '1.1' });
  await createPendingTests(table, name).add({ imageKey: 'a.png', at: 1 });
  await createChannelBindingStore(table).put({ channel: 'C1', pipeline: 'dev', turn: 1, by: 'U1', at: 1 }, undefined);
  return createAnswerStore({ table, name }).put({ channel: 'C1', at: Date.now(), message: { text: 'x' } });
}

/** Everything that reads entries, by name. */
function readers(table: ControlTable, answer: string): Readonly<Record<string, () => Promise<unknown>>> {
  const runs = createRunStore(table, PIPELINE, TIMESHEETS.reply);
  const checklists = createChecklistStore(table, PIPELINE);
  const approvals = createApprovalStore(table, PIPELINE);
  const deploys = createDeployStore(table, PIPELINE);
  const lease = createLease({ table, name, holder: 'test', durationMs: 1_000, clock: systemClock });
  return {
    runs: () => Array.fromAsync(runs.newestFirst()),
    'open run': () => runs.readOpen(),
    'next run': () => runs.nextRunId(),
    outcomes: () => Array.fromAsync(runs.journal('r-0001', 0)),
    checklists: () => Array.fromAsync(checklists.list(10)),
    'open checklist': () => checklists.open(),
    'new checklist': () => checklists.ensureOpen('U1', 1),
    steps: () => checklists.steps('c-0003'),
    overrides: () => checklists.overrides('c-0003'),
    proof: () => checklists.proof('logging'),
    reset: () => checklists.reset(),
    approval: () => approvals.read('a-7b4277c1'),
    'open approvals': () => Array.fromAsync(approvals.open()),
    'every open approval': () => Array.fromAsync(approvals.open({ strict: true })),
    'approvals to show': () => Array.fromAsync(approvals.unshown()),
    deploys: () => Array.fromAsync(deploys.open()),
    autopilot: () => createAutopilotStore(table, PIPELINE).read(),
    job: () => createJobRecord(table, PIPELINE).read(),
    'backup job': () => createBackupJobRecord(table, PIPELINE).read(),
    'pending tests': () => Array.fromAsync(createPendingTests(table, name).list()),
    outbox: () => Array.fromAsync(createOutbox({ table, name, warn: () => {} }).pending()),
    'follow-ups': () => Array.fromAsync(createFollowUps({ table, name, warn: () => {} }).open()),
    buttons: () => Array.fromAsync(createButtonMessages({ table, name, warn: () => {} }).list()),
    channels: () => createChannelIdStore({ table, name }).read(),
    bindings: () => Array.fromAsync(createChannelBindingStore(table).list()),
    schedules: () => createScheduleStore({ table, name }).list(),
    'open requests': () => Array.fromAsync(createDeliveryClaims({ table, name, warn: () => {} }).open()),
    'early alert': () => createEarlyAlerts({ table, name }).find('r-0001'),
    answer: () => createAnswerStore({ table, name }).claim(answer, 'U1', 1),
    lease: () => lease.look(),
  };
}

test('An entry of the control table with nonsense in it is never an unexpected error: it is read, or named in a fault', async () => {
  const dynamo = await startDynalite({ createTableMs: 1 });
  onTestFinished(() => dynamo.stop());
  const table = await openControlTable({ dynamodb: dynamo.client, tableName, clock: systemClock });
  const put = (Item: Record<string, AttributeValue>) =>
    dynamo.client.send(new PutItemCommand({ TableName: tableName, Item }));
  for (const line of fixture) await put(JSON.parse(line));
  const uses = Object.entries(readers(table, await fill(table)));
  const { Items: entries = [] } = await dynamo.client.send(new ScanCommand({ TableName: tableName }));
  const relevant = entries.filter(({ pk }) => !/^(?:audit|answers)/.test(pk?.S ?? ''));
  const counters = entries.filter(({ pk }) => pk?.S === `pipeline#${PIPELINE}`);
  const unexpected: string[] = [];
  let faults = 0;
  for (const seed of seedsOf(60, 1_500)) {
    const random = seededRandom(seed);
    const entry = relevant[Math.floor(random() * relevant.length)] ?? {};
    const { damaged, how } = withNonsense(entry, random);
    await put(damaged);
    for (const [reader, use] of uses)
      await use().catch((error: unknown) => {
        faults += 1;
        if (!carriedFault(error)) unexpected.push(`seed ${seed}, ${reader}, ${how}: ${String(error).slice(0, 300)}`);
      });
    for (const item of [entry, ...counters]) await put(item);
  }
  expect(unexpected).toEqual([]);
  expect(faults).toBeGreaterThan(0);
});

test('A message of the outbox that cannot be read is reported, and holds up no other', async () => {
  const dynamo = await startDynalite({ createTableMs: 1 });
  onTestFinished(() => dynamo.stop());
  const table = await openControlTable({ dynamodb: dynamo.client, tableName, clock: systemClock });
  const warnings: string[] = [];
  const outbox = createOutbox({ table, name, warn: (message) => void warnings.push(message) });
  const damaged = await outbox.put({ text: 'one' }, 1);
  await outbox.put({ text: 'two' }, 2);
  await table.update({ pk: `outbox#${name}`, sk: `message#${damaged}` }, { set: { message: '{"text":' } });
  expect((await Array.fromAsync(outbox.pending())).map(({ message }) => message)).toEqual([{ text: 'two' }]);
  expect(warnings).toEqual([expect.stringContaining(`message#${damaged}`)]);
});
