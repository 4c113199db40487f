import { ScanCommand } from '@aws-sdk/client-dynamodb';
import { DeleteObjectCommand } from '@aws-sdk/client-s3';
import { describe, expect, test } from 'vitest';
import { referenceTo } from '../../../src/run/scope/scope.ts';
import { aws, backup, clients, freshForEachTest, request, startSteps, value, yes } from './table-steps-rig.ts';

freshForEachTest();

const TABLE = 'TimesheetOCR-dev';

async function rows() {
  const { Items = [] } = await clients.dynamodb.send(new ScanCommand({ TableName: TABLE, ConsistentRead: true }));
  return Items.map(({ ResourceName, DateProjectCode, SourceImage }) => ({
    person: ResourceName?.S ?? '',
    key: `${ResourceName?.S} ${DateProjectCode?.S}`,
    image: SourceImage?.S,
  }));
}

function must<T>(given: T | undefined): T {
  if (given === undefined) throw new Error('It is missing');
  return given;
}

/** Does something right before the first write to the control table whose request has this text. */
function beforeWrite(text: string, work: () => Promise<unknown>): void {
  let isDone = false;
  clients.dynamodb.middlewareStack.add(
    (next, { commandName }) =>
      async (args) => {
        if (!isDone && commandName !== 'GetItemCommand' && JSON.stringify(args.input).includes(text)) {
          isDone = true;
          await work();
        }
        return next(args);
      },
    { step: 'initialize' },
  );
}

/** The person with the first image, and the images that name the person. */
async function firstPerson() {
  const all = await rows();
  const person = all.find(({ image }) => image !== undefined)?.person ?? '';
  const images = new Set(
    all.filter((row) => row.person === person && row.image !== undefined).map(({ image }) => image),
  );
  return { person, images, ofScope: all.filter(({ image }) => image !== undefined && images.has(image)), all };
}

describe('a flush of a scope', () => {
  test('deletes exactly the records of its images and keeps every other record', async () => {
    const bot = await startSteps();
    await backup(bot);
    const { person, images, ofScope, all } = await firstPerson();
    const scope = await bot.scope.set({ people: [person.replaceAll('_', ' ')] }, 'U1');
    expect(scope).toMatchObject({ value: { images: images.size, records: { total: ofScope.length } } });

    const approval = await request(bot);
    expect(approval.fingerprint).toContainEqual({ name: 'records of the scope', value: String(ofScope.length) });
    await bot.steps.click(approval.id, yes);
    const { result } = await bot.listensTo('finished');
    expect(result).toMatchObject({ kind: 'flush', deleted: ofScope.length, newRows: 0 });
    await bot.audit.close(5_000);
    const audited: string[] = [];
    for await (const { outcome } of bot.audit.entries()) audited.push(outcome);
    const { id } = must(await bot.scope.current());
    expect(audited).toContainEqual(
      expect.stringMatching(
        new RegExp(`^approved: it starts now, .*the records of scope ${id} \\(${images.size} images\\)`),
      ),
    );
    const gone = new Set(ofScope.map(({ key }) => key));
    expect((await rows()).map(({ key }) => key).sort()).toEqual(
      all
        .map(({ key }) => key)
        .filter((key) => !gone.has(key))
        .sort(),
    );
  });

  test('is refused when the scope of the checklist is another one by the time of the click', async () => {
    const bot = await startSteps();
    await backup(bot);
    const { person } = await firstPerson();
    const before = await rows();
    value((await bot.scope.set({ people: [person] }, 'U1')) as never);
    const plan = value(await bot.steps.planFlush({ failedOnly: false }));
    value((await bot.scope.set({}, 'U1')) as never);
    const asked = await bot.steps.request({ action: plan.action, by: 'U1', channel: 'C01' });
    expect(asked).toMatchObject({ ok: false, refusal: { reason: 'scope-changed' } });
    expect(await rows()).toHaveLength(before.length);
  });

  test('fixes the scope from the request on, until the request ends', async () => {
    const bot = await startSteps();
    await backup(bot);
    const { person } = await firstPerson();
    await bot.scope.set({ people: [person] }, 'U1');
    const approval = await request(bot);
    expect(await bot.scope.clear('U1')).toMatchObject({ refusal: { reason: 'scope-fixed', by: 'flush' } });
    const again = await bot.scope.set({ people: [person] }, 'U1');
    expect(again).toMatchObject({ ok: true, value: { id: (await bot.scope.current())?.id } });
    await bot.steps.withdraw(approval.id, 'U1');
    expect(await bot.scope.clear('U1')).toMatchObject({ ok: true });
  });

  test('does not start when the scope changes while its facts are read again', async () => {
    const bot = await startSteps();
    await backup(bot);
    const { person } = await firstPerson();
    const before = await rows();
    await bot.scope.set({ people: [person] }, 'U1');
    const other = { ...must(await bot.scope.current()), id: 's-other' };
    const approval = await request(bot);
    beforeWrite('table-job', () => bot.checklist.setScope(other, 'U1'));
    const clicked = value(await bot.steps.click(approval.id, yes));
    expect(clicked).toMatchObject({
      refused: { reason: 'scope-changed', now: 's-other' },
      approval: { state: { kind: 'void', because: 'refused' } },
    });
    expect(await bot.steps.current()).toBeUndefined();
    expect(await rows()).toHaveLength(before.length);
  });

  test('does not start when its checklist is closed while its facts are read again', async () => {
    const bot = await startSteps();
    await backup(bot);
    const before = await rows();
    const approval = await request(bot);
    // A second request takes the place of the first one: closing the checklist withdraws only that.
    await request(bot);
    beforeWrite('table-job', () => bot.checklist.close('U1'));
    const clicked = value(await bot.steps.click(approval.id, yes));
    expect(clicked).toMatchObject({
      refused: {
        reason: 'use',
        refusal: { changed: [{ name: 'checklist', before: 'c-0001', after: 'none is open' }] },
      },
    });
    expect(await rows()).toHaveLength(before.length);
  });

  test('keeps its scope when another one is set at the moment at which it starts', async () => {
    const bot = await startSteps();
    await backup(bot);
    const { person } = await firstPerson();
    const mine = await bot.scope.set({ people: [person] }, 'U1');
    if (!mine.ok) throw new Error('refused');
    const job = {
      id: 'a-1',
      work: { kind: 'flush', backupId: 'b', failedOnly: false, scope: referenceTo(mine.value) },
    };
    beforeWrite('"scope"', () =>
      bot.table.create(
        { pk: 'pipeline#TimesheetOCR-ocr-dev', sk: 'table-job' },
        { ...job, by: 'U1', location: { channel: 'C01' }, startedAt: Date.now() },
      ),
    );
    expect(await bot.scope.set({}, 'U2')).toMatchObject({
      refusal: { reason: 'scope-fixed', by: 'flush', scope: { id: mine.value.id } },
    });
    expect(await bot.scope.current()).toEqual(mine.value);
  });

  test('names the records whose images are gone since the scope was set, and is not started when more are gone', async () => {
    const bot = await startSteps();
    await backup(bot);
    const { images, all } = await firstPerson();
    const [first = '', second = ''] = images;
    const other = all.find(({ image }) => image !== undefined && !images.has(image))?.image ?? '';
    await bot.scope.set({ images: [first, other] }, 'U1');
    const naming = (image: string) => all.filter((row) => row.image === image).length;
    const remove = (Key: string) =>
      clients.s3.send(new DeleteObjectCommand({ Bucket: 'timesheetocr-input-dev-016164185850', Key }));
    // An image that is not in the scope does not count.
    if (second !== '') await remove(second);
    await remove(first);
    const plan = value(await bot.steps.planFlush({ failedOnly: false }));
    expect(plan.notRebuildable).toMatchObject({
      missing: { images: 1, records: naming(first) },
      archived: { images: 0 },
      nameless: 0,
    });
    const approval = await request(bot);
    const name = 'records that the rescan cannot rebuild';
    const before = `${naming(first)}: ${naming(first)} name 1 image that is not in the bucket`;
    expect(approval.fingerprint).toContainEqual({ name, value: before });

    await remove(other);
    const clicked = value(await bot.steps.click(approval.id, yes));
    expect(clicked.refused).toMatchObject({
      reason: 'use',
      refusal: { changed: [{ name, before }] },
    });
    expect(await rows()).toHaveLength(all.length);
  });

  test('is refused for `recreate`, which deletes every record', async () => {
    const bot = await startSteps();
    await backup(bot);
    const { person } = await firstPerson();
    await bot.scope.set({ people: [person] }, 'U1');
    expect(await bot.steps.planFlush({ failedOnly: false, recreate: true })).toMatchObject({
      refusal: { reason: 'recreate-with-scope' },
    });
  });

  test('continues after its process was stopped, and deletes no other record', async () => {
    const [bot, other] = [await startSteps(), await startSteps()];
    await backup(bot);
    const { person, ofScope, all } = await firstPerson();
    await bot.scope.set({ people: [person] }, 'U1');
    const approval = await request(bot);
    aws.turn({ addedLatencyMs: 60 });
    await bot.steps.click(approval.id, yes);
    await bot.listensTo('progress');
    const stopping = bot.steps.shutDown();
    other.steps.standBy();
    await stopping;
    aws.turn({ addedLatencyMs: 0 });
    expect((await other.listensTo('finished')).result).toMatchObject({ deleted: ofScope.length });
    expect(await rows()).toHaveLength(all.length - ofScope.length);
  });
});

describe('a flush of everything', () => {
  test('names the records that the rescan cannot rebuild, in its plan and in the approval', async () => {
    const bot = await startSteps();
    await backup(bot);
    // Coverage names no image by design.
    const nameless = (await rows()).filter(({ image, person }) => image === undefined && !person.includes('#')).length;
    expect(nameless).toBeGreaterThan(0);
    const plan = value(await bot.steps.planFlush({ failedOnly: false }));
    expect(plan.notRebuildable).toMatchObject({ nameless, missing: { images: 0 } });
    const approval = await request(bot);
    expect(approval.fingerprint).toContainEqual({
      name: 'records that the rescan cannot rebuild',
      value: `${nameless}: ${nameless} name no image`,
    });
  });

  test('names the records of archived images, and a scope of everything that can be rebuilt keeps them', async () => {
    const bot = await startSteps();
    await backup(bot);
    const { images } = await firstPerson();
    const [archived = ''] = images;
    aws.turn({ archived: [archived] });
    const before = (await rows()).filter(({ image }) => image === archived).map(({ key }) => key);
    const plan = value(await bot.steps.planFlush({ failedOnly: false }));
    expect(plan.notRebuildable?.archived).toMatchObject({ images: 1, records: before.length });
    await bot.scope.set({}, 'U1');
    const approval = await request(bot);
    await bot.steps.click(approval.id, yes);
    await bot.listensTo('finished');
    const left = (await rows()).map(({ key }) => key);
    expect(before.every((key) => left.includes(key))).toBe(true);
  });

  test('keeps these records with a scope of everything that can be rebuilt', async () => {
    const bot = await startSteps();
    await backup(bot);
    const nameless = (await rows()).filter(({ image }) => image === undefined).map(({ key }) => key);
    await bot.scope.set({}, 'U1');
    const approval = await request(bot);
    await bot.steps.click(approval.id, yes);
    await bot.listensTo('finished');
    expect((await rows()).map(({ key }) => key).sort()).toEqual(nameless.sort());
    expect(
      await bot.starts.plan({ selection: {}, paceSetting: { kind: 'auto' }, by: 'U1', location: { channel: 'C01' } }),
    ).toMatchObject({
      ok: true,
      value: { selection: {} },
    });
  });
});
