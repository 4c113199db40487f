import { buttonOf } from '../people.ts';
import type { Check, TourContext } from './tour-context.ts';

/** Looks at everything, and controls a run: every command that the other steps of the tour do not type. */
export async function otherCommands(
  { people, world, sees, ask, turn, until }: TourContext,
  check: Check,
): Promise<void> {
  await ask('viewer', '/rescan help flush', /\/rescan flush/);
  await ask('viewer', '/rescan backups', /\d+ backups/);
  await ask('viewer', '/rescan audit', /The last \d+ audit entries/);
  await ask('viewer', '/rescan logs errors minutes=60', /in the function’s log/);
  await ask('viewer', '/rescan validate', /Validation of r-0006/);
  await ask('operator', '/rescan quotas', /No limit blocks/);
  await ask('operator', '/rescan test-logging', /Failure logging works/);
  await ask('operator', '/rescan sample', /The function works/);
  await ask('viewer', '/rescan checklist', /Checklist c-\d+: \d+ of \d+ steps/);
  await ask('operator', '/rescan close', /Checklist `c-\d+` is closed/);
  await people.command('operator', '/rescan deploy');
  await people.openView('operator', /confirm_deploy/);
  const set = await ask('operator', '/rescan schedule backup "0 2 * * *" tz=Europe/Berlin', /Schedule `sc-\w+` is set/);
  const [, id] = /`(sc-\w+)`/.exec(set.text) ?? [];
  await ask('operator', `/rescan schedule remove ${id}`, /is removed|was removed/);
  check('everything was looked at, and nothing was started', (await world.invocations()).inFlight === 0);

  await turn({ latencyMs: { min: 1_500, max: 2_500 } }, 'the function is slow');
  await people.command('operator', '/rescan start keep pace=600');
  const preview = await sees(/Rescan r-0007 would invoke/);
  await people.click('operator', preview.ts, buttonOf(preview, /plan_start/));
  await until('images in flight', async () => (await world.invocations()).inFlight >= 3);
  await ask('operator', '/rescan pace 300', /The pace of Rescan r-0007/);
  await ask('operator', '/rescan pause', /Rescan r-0007 is pausing/);
  await sees(/Rescan r-0007\S* (?:was |is )?paused/);
  await ask('operator', '/rescan resume', /Rescan r-0007 is running/);
  await until('images in flight', async () => (await world.invocations()).inFlight >= 3);
  await ask('operator', '/rescan halt', /Stop r-0007\?/);
  await ask('operator', '/rescan stop', /Rescan r-0007 is stopping/);
  await until('nothing in flight', async () => (await world.invocations()).inFlight === 0);
  const { total } = await world.invocations();
  await sees(/Rescan r-0007\S* (?:was |is )?stopped/);
  check(
    'the run was paused, resumed and stopped, and nothing starts after that',
    (await world.invocations()).total === total,
  );
  await turn({ latencyMs: { min: 20, max: 80 } }, 'the function is fast again');
}
