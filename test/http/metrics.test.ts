import { expect, test } from 'vitest';
import type { TableEvent } from '../../src/checklist/contracts/table-control.ts';
import { idleTableControl } from '../support/memory/idle-table-control.ts';
import { runSnapshot } from '../support/memory/scripted-run-control.ts';
import { flushApproval, flushJob } from '../support/messages/table-builders.ts';
import { observedBot } from './rig.ts';

test('the metrics show the run, its outcomes, its failures by type, its pace and the growth of the table', async () => {
  const bot = await observedBot({}, runSnapshot({ rows: { found: 9, unproven: 4 } }));
  expect(await bot.series('rescan_run_state{pipeline="ocr",state="running"}')).toBe(1);
  expect(await bot.series('rescan_run_state{pipeline="ocr",state="tripped"}')).toBe(0);
  expect(await bot.series('rescan_run_outcomes{pipeline="ocr",outcome="processed"}')).toBe(380);
  expect(await bot.series('rescan_run_failures{pipeline="ocr",failure_type="TEXTRACT_ERROR"}')).toBe(20);
  expect(await bot.series('rescan_run_failures{pipeline="ocr",failure_type="OUT_OF_MEMORY"}')).toBe(0);
  expect(await bot.series('rescan_run_unproven_images{pipeline="ocr"}')).toBe(4);
  expect(await bot.series('rescan_run_throttles{pipeline="ocr"}')).toBe(3);
  expect(await bot.series('rescan_run_in_flight_images{pipeline="ocr"}')).toBe(6);
  expect(await bot.series('rescan_run_pace_images_per_minute{pipeline="ocr"}')).toBe(60);
  expect(await bot.series('rescan_run_table_entries{pipeline="ocr"}')).toBe(1_236);
});

test('a run that this process drives shows its last event, although an older state is stored', async () => {
  const bot = await observedBot({}, runSnapshot());
  await bot.lease('me').acquire();
  expect(await bot.series('rescan_run_in_flight_images{pipeline="ocr"}')).toBe(6);
  await bot.runs.emit({ kind: 'progress', snapshot: runSnapshot({ inFlight: 41 }) });
  expect(await bot.series('rescan_run_in_flight_images{pipeline="ocr"}')).toBe(41);
  await bot.runs.becomes({ kind: 'completed' }, { inFlight: 0 });
  expect(await bot.series('rescan_run_in_flight_images{pipeline="ocr"}')).toBe(0);
  expect(await bot.series('rescan_run_state{pipeline="ocr",state="completed"}')).toBe(1);
  expect(await bot.series('rescan_run_changes_total{pipeline="ocr",change="completed"}')).toBe(1);
  expect(await bot.series('rescan_run_changes_total{pipeline="ocr",change="progress"}')).toBeUndefined();
});

test('a process that lost the lease shows what the next driver stores, and not its own last event', async () => {
  const bot = await observedBot({}, runSnapshot());
  const mine = bot.lease('me');
  await mine.acquire();
  await bot.runs.emit({ kind: 'progress', snapshot: runSnapshot({ inFlight: 41 }) });
  expect(await bot.series('rescan_run_in_flight_images{pipeline="ocr"}')).toBe(41);
  await mine.release();
  await bot.lease('you').acquire();
  expect(await bot.series('rescan_run_in_flight_images{pipeline="ocr"}')).toBe(6);
});

test('what was not measured has no value, also after an earlier run had one', async () => {
  const bot = await observedBot({}, runSnapshot());
  await bot.lease('me').acquire();
  expect(await bot.series('rescan_run_table_entries_per_minute{pipeline="ocr"}')).toBe(92);
  await bot.runs.emit({ kind: 'progress', snapshot: runSnapshot({ growth: { kind: 'probed' } }) });
  expect(await bot.series('rescan_run_table_entries_per_minute{pipeline="ocr"}')).toBeUndefined();
});

test('the metrics show table jobs with their progress, and count how they ended', async () => {
  let emit: (event: TableEvent) => void = () => {};
  const watch = (listener: (event: TableEvent) => void) => {
    emit = listener;
    return () => {};
  };
  const bot = await observedBot({ tables: { ...idleTableControl(), watch } });
  expect(await bot.series('rescan_table_job{pipeline="ocr",kind="flush"}')).toBe(0);
  const job = flushJob();
  await bot.lease('me/table').acquire();
  const progress = { stage: 'deleting', done: 120, total: 760, isApproximate: false, stageMs: 1 } as const;
  emit({ kind: 'started', job });
  emit({ kind: 'progress', job, progress });
  expect(await bot.series('rescan_table_job{pipeline="ocr",kind="flush"}')).toBe(1);
  expect(await bot.series('rescan_table_job_done_records{pipeline="ocr",kind="flush"}')).toBe(120);
  emit({ kind: 'stopped', job, by: 'U1' });
  expect(await bot.series('rescan_table_job{pipeline="ocr",kind="flush"}')).toBe(0);
  expect(await bot.series('rescan_table_job_ends_total{pipeline="ocr",kind="flush",end="stopped"}')).toBe(1);
});

test('a flush that another process carries out is shown as in progress', async () => {
  const bot = await observedBot({ tables: { ...idleTableControl(), current: async () => flushJob() } });
  expect(await bot.series('rescan_table_job{pipeline="ocr",kind="flush"}')).toBe(1);
});

test('the metrics show open approvals, and messages that wait for Slack with the age of the oldest', async () => {
  const tables = { ...idleTableControl(), openApprovals: async () => [flushApproval()] };
  const bot = await observedBot({ tables });
  expect(await bot.series('rescan_open_approvals{pipeline="ocr",action="flush"}')).toBe(1);
  expect(await bot.series('rescan_alerts_waiting{pipeline="ocr"}')).toBe(0);
  const id = await bot.outbox.put({ text: 'first' }, bot.clock.now() - 90_000);
  await bot.outbox.put({ text: 'second' }, bot.clock.now());
  expect(await bot.series('rescan_alerts_waiting{pipeline="ocr"}')).toBe(2);
  expect(await bot.series('rescan_oldest_alert_age_seconds{pipeline="ocr"}')).toBeGreaterThan(90);
  await bot.outbox.done(id);
  expect(await bot.series('rescan_oldest_alert_age_seconds{pipeline="ocr"}')).toBeLessThan(60);
});

test('while the control table cannot be read, the last state is shown with its growing age', async () => {
  const bot = await observedBot({}, runSnapshot());
  expect(await bot.series('rescan_state_age_seconds{pipeline="ocr"}')).toBe(0);
  bot.runs.failNext('current', new Error('gone'));
  expect(await bot.series('rescan_state_age_seconds{pipeline="ocr"}')).toBe(10);
  expect(await bot.series('rescan_run_in_flight_images{pipeline="ocr"}')).toBe(6);
  expect(bot.logged).toContain('The state of ocr cannot be read for its metrics.');
  expect(await bot.series('rescan_state_age_seconds{pipeline="ocr"}')).toBe(0);
});

test('the lease is shown as held by the process that has it, and by no other', async () => {
  const bot = await observedBot();
  expect(await bot.series('rescan_lease_held{pipeline="ocr"}')).toBe(0);
  const mine = bot.lease('me/table');
  await mine.acquire();
  expect(await bot.series('rescan_lease_held{pipeline="ocr"}')).toBe(1);
  await mine.release();
  await bot.lease('you').acquire();
  expect(await bot.series('rescan_lease_held{pipeline="ocr"}')).toBe(0);
});

test('neither metrics nor readiness contain keys of images, people, error texts or holders of leases', async () => {
  const run = runSnapshot({ startedBy: 'U0SECRETIVE' });
  const bot = await observedBot(
    { tables: { ...idleTableControl(), openApprovals: async () => [flushApproval()] } },
    run,
  );
  await bot.lease('host-7/1234/ab').acquire();
  await bot.outbox.put({ text: 'a message with a name' }, bot.clock.now());
  const shown = `${(await bot.get('/metrics')).text}${(await bot.get('/readyz')).text}`;
  expect(shown).toContain('rescan_run_outcomes');
  for (const hidden of ['Nik Coultas', '.png', 'U0SECRETIVE', 'U0OPERATOR', 'could not read', 'host-7', 'with a name'])
    expect(shown).not.toContain(hidden);
});

test('the time until an acknowledgement is a histogram by kind of request, and the process metrics are there', async () => {
  const bot = await observedBot();
  bot.metrics.acknowledgements.observe({ request: 'click' }, 0.2);
  const bucket = (le: string) => `rescan_slack_acknowledgement_seconds_bucket{le="${le}",request="click"}`;
  expect(await bot.series(bucket('0.1'))).toBe(0);
  expect(await bot.series(bucket('0.25'))).toBe(1);
  expect(await bot.series('process_resident_memory_bytes')).toBeGreaterThan(1_000_000);
  expect((await bot.get('/metrics')).headers.get('content-type')).toContain('text/plain; version=0.0.4');
});
