import { afterEach, beforeEach, expect, test } from 'vitest';
import { buttonOf, wholeText } from '../../sandbox/people.ts';
import { type PipelineSandbox, pipeline, type Row, startPipeline } from '../support/rigs/pipelines.ts';

let here: PipelineSandbox;
beforeEach(async () => {
  here = await startPipeline({ images: 60, seedTable: 'full', settings: { SAMPLE_IMAGES: '0' } });
});
afterEach(() => here.close());

test('a rescan of two people deletes and processes only what belongs to them, and leaves every other record as it was', async () => {
  const { people } = here;
  const before = await here.rows();
  const two = [...new Set(before.filter(({ image }) => image !== undefined).map(({ person }) => person))].slice(0, 2);
  const images = new Set(before.filter(({ person }) => two.includes(person)).flatMap(({ image }) => image ?? []));
  const ofScope = before.filter(({ image }) => image !== undefined && images.has(image));
  const names = two.map((person) => person.replaceAll('_', ' ')).join(', ');

  await people.command('approver', '/rescan override test-logging because it is not what is tried here');
  await people.sees(/is skipped in this rescan/);
  await people.command('operator', `/rescan scope people="${names}"`);
  const set = await people.sees(/This rescan covers/);
  expect(wholeText(set)).toContain(`${ofScope.length} records of`);
  expect(wholeText(set)).toContain(`${images.size} images`);

  await people.command('operator', '/rescan backup');
  await people.sees(/is done and verified/);
  await people.command('operator', '/rescan flush');
  const form = await people.openView('operator', /those of this scope/);
  await people.submit('operator', form, { table_name: pipeline.table, reason: 'their names were misread' });
  const asked = await people.sees(/Approval needed: flush/);
  expect(wholeText(asked)).toContain(`delete ${ofScope.length} records`);
  expect(wholeText(asked)).toContain(two[0]);
  await people.click('approver', asked.ts, buttonOf(asked, /approve/));
  await people.sees(/The flush is done: .*It left no record of the scope/);
  const kept = await here.rows();
  expect(kept).toHaveLength(before.length - ofScope.length);
  expect(kept.some(({ image }) => image !== undefined && images.has(image))).toBe(false);

  await people.command('operator', '/rescan start limit=3');
  await people.sees(/a run takes exactly these images and no other filter/);
  await people.command('operator', '/rescan start');
  const plan = await people.sees(/would invoke the function for/);
  expect(wholeText(plan)).toContain(`${images.size} images`);
  await people.click('operator', plan.ts, buttonOf(plan, /plan_start/));
  await people.sees(new RegExp(`${images.size} of ${images.size}`));
  await people.sees(/is complete/);

  const after = await here.rows();
  const keyOf = ({ key }: Row) => key;
  expect(after.map(keyOf).sort()).toEqual(before.map(keyOf).sort());
  const renewed = after.filter(({ version }) => version === '2.6.1');
  expect(new Set(renewed.flatMap(({ image }) => image ?? []))).toEqual(images);

  await people.command('operator', '/rescan history');
  await people.sees(/was completed by/);
});

test('a flush keeps the records that no image can rebuild, unless somebody chooses to delete them', async () => {
  const { people } = here;
  const nameless = (await here.rows()).filter(({ image }) => image === undefined).map(({ key }) => key);
  await people.command('approver', '/rescan override test-logging because it is not what is tried here');
  await people.sees(/is skipped in this rescan/);
  await people.command('operator', '/rescan backup');
  await people.sees(/is done and verified/);
  await people.command('operator', '/rescan flush');
  const form = await people.openView('operator', /3 records cannot be rebuilt by this rescan/);
  await people.submit('operator', form, { table_name: pipeline.table });
  const asked = await people.sees(/Approval needed: flush/);
  await people.click('approver', asked.ts, buttonOf(asked, /approve/));
  await people.sees(/The flush is done/);
  expect((await here.rows()).map(({ key }) => key).sort()).toEqual(nameless.sort());
});

test('a scope of somebody who is not in the table is refused with the names that are near, and a person and some days are a scope', async () => {
  const { people } = here;
  const [first] = (await here.rows()).filter(({ image }) => image !== undefined);
  const typed = `${first?.person.replaceAll('_', ' ')}x`;
  await people.command('operator', `/rescan start people="${typed}"`);
  const refused = await people.sees(/No record of the table belongs to/);
  expect(wholeText(refused)).toContain('Did you mean');
  const person = first?.person.replaceAll('_', ' ');
  await people.command('operator', `/rescan scope people="${person}" from=2025-03-01 to=2025-03-31`);
  await people.sees(new RegExp(`This rescan covers \`people ${person}; from 2025-03-01 to 2025-03-31\``));
});

test('the scope is chosen in a form whose picker searches the people of the table', async () => {
  const { people, sandbox } = here;
  const [first] = (await here.rows()).filter(({ image }) => image !== undefined);
  const person = first?.person ?? '';
  await people.command('operator', '/rescan scope');
  const shown = await people.sees(/This rescan covers everything/);
  await people.click('operator', shown.ts, buttonOf(shown, /scope_choose/));
  const viewId = await people.openView('operator', /"callback_id":"choose_scope"/);
  const suggest = async (user: string, value: string) => {
    const reply = await fetch(`${sandbox.slack?.url}/sandbox/suggest`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ user, viewId, actionId: 'scope_people', value }),
    });
    return reply.json();
  };
  expect(await suggest('operator', person.slice(0, 4))).toMatchObject({
    ok: true,
    options: expect.arrayContaining([expect.objectContaining({ value: person })]),
  });
  expect(await people.submit('operator', viewId, {})).toMatchObject({ result: 'errors' });
  expect(await people.submit('operator', viewId, { scope_people: [person] })).toMatchObject({ result: 'closed' });
  const set = await people.sees(/This rescan covers `people/);
  expect(wholeText(set)).toContain(person);
});
