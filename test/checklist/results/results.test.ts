import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest';
import { findEntry } from '../../../src/backup/catalogue/catalogue.ts';
import { createResults } from '../../../src/checklist/results/results.ts';
import { createChecklistStore } from '../../../src/checklist/steps/checklist-store.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import type { RunState } from '../../../src/run/model/types.ts';
import { createManifestStore } from '../../../src/run/plan/manifest-store.ts';
import { createScopeManifests } from '../../../src/run/scope/scope-manifests.ts';
import { createRunStore } from '../../../src/run/store/run-store.ts';
import { openControlTable } from '../../../src/state/table/control-table.ts';
import { type BackupWorld, startBackupWorld } from '../../backup/backup-rig.ts';
import { deleteKeys, putItems } from '../../support/aws/items.ts';
import { timesheetEntry } from '../../support/aws/pipeline-table.ts';
import { runPlan } from '../../support/memory/scripted-run-control.ts';

let world: BackupWorld;
let rescans = 0;
beforeAll(async () => {
  world = await startBackupWorld();
});
afterAll(() => world.stop());

/** A pipeline with its own table, stored runs and checklists, and the result control under test. */
async function pipeline(entries: number) {
  rescans += 1;
  const name = `ocr-${rescans}`;
  const { dynamodb, location } = world;
  const control = await openControlTable({ dynamodb, tableName: `control-${rescans}`, clock: systemClock });
  const table = await world.table(Array.from({ length: entries }, (_, index) => entryOf(index)));
  const store = createRunStore(control, name, TIMESHEETS.reply);
  const checklists = createChecklistStore(control, name);
  const sizes = new Map<string, number>();
  const scopes = createScopeManifests(
    createManifestStore(location.s3, { ...location, prefix: `${name}/` }, 'scopes'),
    'images',
  );
  const results = createResults({
    dynamodb,
    location,
    profile: TIMESHEETS,
    table,
    bucket: 'images',
    clock: systemClock,
    random: () => 0.5,
    store,
    async *manifest(runId) {
      const images = sizes.get(runId) ?? entries;
      for (let index = 0; index < images; index++) yield { index, key: imageOf(index), size: 1 };
    },
    async *listImages() {},
    findImage: async () => undefined,
    scopes,
    starts: { plan: async () => ({ ok: false, refusal: { reason: 'lease-held', holder: 'nobody' } }) },
    checklists,
    ignoredFields: TIMESHEETS.noise,
    samplePeople: 3,
    readFault: (error) => ({ reason: 'network', message: String(error), fix: '' }),
    warn: () => {},
  });
  return {
    table,
    results,
    checklists,
    async remove(index: number) {
      const { ResourceName = { S: '' }, DateProjectCode = { S: '' } } = entryOf(index);
      await deleteKeys(dynamodb, table, [{ ResourceName, DateProjectCode }]);
    },
    /** A run in which all images except the last `without` were processed, and its checklist. */
    async run(state: RunState, { without = 0, startedAt = Date.now(), images = entries } = {}) {
      const runId = await store.nextRunId();
      const selection = images === entries ? {} : { scope: { id: 's-1', what: 'people Ana' } };
      sizes.set(runId, images);
      const { openRun: _, ...plan } = runPlan({ runId, total: images, selection });
      await store.createPlanned(plan, { channel: 'C1' }, 5);
      await store.change(runId, { set: { state, startedAt, startedBy: 'U1' } });
      await store.claimPipeline(runId, 'a start');
      await store.append(runId, {
        seq: 1,
        writer: 'w',
        startedThrough: images - 1,
        records: Array.from({ length: images - without }, (_, index) => ({
          index,
          key: imageOf(index),
          outcome: { kind: 'processed', entriesStored: 1, resourceName: `Person ${index}` },
          startedAt,
          durationMs: 5,
          throttles: 0,
        })),
      });
      const { id } = await checklists.ensureOpen('U1', startedAt);
      await checklists.update(id, { runIds: [runId] });
      return { runId, checklistId: id };
    },
    /** A completed run over the scope of the first two images. */
    async runOfScope() {
      await scopes.write(
        's-1',
        (async function* () {
          for (const index of [0, 1]) yield { key: imageOf(index), size: 1 };
        })(),
      );
      const { runId, checklistId } = await this.run({ kind: 'completed' }, { images: 2 });
      return { runId, checklistId };
    },
    async noteFlush(backupId: string, at: number) {
      const { id } = await checklists.ensureOpen('U1', at);
      const found = { kind: 'flush', deleted: 1, remaining: 0, backupId } as const;
      await checklists.setStep(id, { step: 'flush', state: 'done', by: 'U1', at, found });
    },
  };
}
const imageOf = (index: number) => `week/${index}.png`;
const entryOf = (index: number) =>
  timesheetEntry(index, {
    ResourceName: { S: `Person_${index}` },
    SourceImage: { S: imageOf(index) },
    ProcessingTimestamp: { S: '2100-01-01T00:00:00Z' },
  });

let here: Awaited<ReturnType<typeof pipeline>>;
beforeEach(async () => {
  here = await pipeline(4);
});
async function given<T>(answer: Promise<{ ok: true; value: T } | { ok: false; refusal: unknown }>): Promise<T> {
  const found = await answer;
  if (!found.ok) throw new Error(JSON.stringify(found.refusal));
  return found.value;
}
const validationStep = async (checklistId: string) =>
  (await here.checklists.steps(checklistId)).find(({ step }) => step === 'validate');

describe('a validation', () => {
  test('the validation of a completed run uses the backup from before it, and is recorded in the checklist', async () => {
    const backup = await world.backup(here.table);
    const { runId, checklistId } = await here.run({ kind: 'completed' });
    const found = await given(here.results.validate({ recordAs: 'U1' }));
    expect(found).toMatchObject({ verdict: 'good', problems: [], runIds: [runId], backup: { id: backup.id } });
    expect(found.people).toHaveLength(3);
    const again = await given(here.results.validate({ recordAs: 'U1', seed: found.seed ?? -1 }));
    expect(again.people).toEqual(found.people);
    expect(await validationStep(checklistId)).toMatchObject({
      state: 'done',
      found: { kind: 'validate', verdict: 'good' },
    });
  });

  test('the validation of a stopped run has no verdict, and none is recorded', async () => {
    await world.backup(here.table);
    const { checklistId } = await here.run({ kind: 'stopped', by: { kind: 'control-table' } }, { without: 2 });
    const found = await given(here.results.validate({ recordAs: 'U1' }));
    expect(found).toMatchObject({ verdict: 'unfinished', runState: 'stopped' });
    expect(await validationStep(checklistId)).toBeUndefined();
  });

  test('a validation says that the table was flushed after the run', async () => {
    const backup = await world.backup(here.table);
    const { checklistId } = await here.run({ kind: 'completed' });
    await here.checklists.close(checklistId, { outcome: { kind: 'closed', by: 'U1' }, at: Date.now(), steps: [] });
    await here.noteFlush(backup.id, Date.now() + 60_000);
    for (let index = 0; index < 4; index++) await here.remove(index);
    const found = await given(here.results.validate({ recordAs: 'U1' }));
    expect(found.verdict).toBe('bad');
    expect(found.problems.map(({ kind }) => kind)).toEqual(
      expect.arrayContaining(['rows-missing', 'flushed-since', 'fewer-entries']),
    );
  });

  test('a validation of an unknown run or person, or without any run, is refused', async () => {
    expect(await here.results.validate({ recordAs: 'U1' })).toEqual({ ok: false, refusal: { reason: 'no-run' } });
    expect(await here.results.validate({ recordAs: 'U1', person: 'Nik Coultas' })).toMatchObject({
      refusal: { reason: 'table', refusal: { reason: 'no-backup' } },
    });
    await world.backup(here.table);
    await here.run({ kind: 'completed' });
    expect(await here.results.validate({ recordAs: 'U1', runId: 'r-0099' })).toEqual({
      ok: false,
      refusal: { reason: 'unknown-run', runId: 'r-0099' },
    });
    expect(await here.results.validate({ recordAs: 'U1', person: 'Nobody Here' })).toMatchObject({
      refusal: { reason: 'no-such-person', person: 'Nobody Here' },
    });
    expect(await given(here.results.validate({ recordAs: 'U1', person: 'Person 2' }))).toMatchObject({
      people: [{ person: 'Person_2', before: { entries: 1 }, after: { entries: 1 } }],
    });
  });

  test('a validation of one person takes the only name that looks like the one typed, and names both where two do', async () => {
    const named = (ResourceName: string) => timesheetEntry(1, { ResourceName: { S: ResourceName } });
    const [composed, decomposed] = ['Zo\u00eb_O\u2019Neil', 'Zoe\u0308_O\u2019Neil'];
    await putItems(world.dynamodb, here.table, [named(decomposed)]);
    await world.backup(here.table);
    const typed = "zo\u00eb O'Neil";
    expect(await given(here.results.validate({ recordAs: 'U1', person: typed }))).toMatchObject({
      people: [{ person: decomposed, before: { entries: 1 } }],
    });
    await putItems(world.dynamodb, here.table, [named(composed)]);
    expect(await here.results.validate({ recordAs: 'U1', person: typed })).toEqual({
      ok: false,
      refusal: { reason: 'look-alikes', what: 'person', typed, names: [decomposed, composed] },
    });
    expect(await given(here.results.validate({ recordAs: 'U1', person: composed }))).toMatchObject({
      people: [{ person: composed, before: { entries: 0 }, after: { entries: 1 } }],
    });
  });

  test('the attempts at an image are those of the only key that looks like the one typed', async () => {
    await here.run({ kind: 'completed' });
    expect(await given(here.results.attempts('week/2.png'))).toHaveLength(1);
    expect(await given(here.results.attempts('week/\u200b2.png'))).toHaveLength(1);
    expect(await given(here.results.attempts('week/9.png'))).toEqual([]);
  });
});

describe('the results of a run over a scope', () => {
  test('compare the records of the scope, and only count what else has changed', async () => {
    const backup = await world.backup(here.table);
    const { runId } = await here.runOfScope();
    await putItems(world.dynamodb, here.table, [{ ...entryOf(0), Hours: { N: '3.25' } }]);
    await here.remove(3);
    const outside = { removed: 1, changed: 0, added: 0, same: 1 };

    const found = await given(here.results.validate({ recordAs: 'U1' }));
    expect(found).toMatchObject({
      verdict: 'good',
      problems: [],
      now: { entry: 2 },
      backup: { id: backup.id, counts: { entry: 2 } },
      scope: { what: 'people Ana', outside },
      reconciled: { images: 2 },
      isPartial: false,
    });
    expect(found.people.map(({ person, changed }) => [person, changed])).toEqual([
      ['Person_0', 1],
      ['Person_1', 0],
    ]);
    for (const diff of [await given(here.results.diff()), await given(here.results.changes(runId))]) {
      expect(diff?.scope).toEqual({ id: 's-1', what: 'people Ana' });
      expect(diff?.totals).toMatchObject({ removed: 0, changed: 1, added: 0, same: 1, outside });
      await diff?.dispose();
    }
    const whole = await given(here.results.diff({ backupId: backup.id }));
    expect(whole.totals).toMatchObject({ removed: 1, changed: 1, same: 2 });
    await whole.dispose();
    const again = await given(here.results.diff({ backupId: backup.id, scopeId: 's-1' }));
    expect(again.totals).toMatchObject({ removed: 0, changed: 1, outside });
    await again.dispose();
  });

  test('name the weeks that hold records of two images, only where one of them is in the scope', async () => {
    await world.backup(here.table);
    const second = (index: number) => ({
      ...entryOf(index),
      DateProjectCode: { S: '2025-09-29#SECOND' },
      SourceImage: { S: `second/${index}.png` },
    });
    await putItems(world.dynamodb, here.table, [second(1), second(3)]);
    const example = (index: number) => ({
      person: `Person_${index}`,
      week: '2025-09-29',
      images: [
        { image: `second/${index}.png`, hours: '7.5' },
        { image: imageOf(index), hours: '7.5' },
      ],
      otherImages: 0,
    });
    const problem = (...examples: readonly number[]) => [
      { kind: 'shared-weeks', weeks: examples.length, examples: examples.map(example), weight: 'doubt' },
    ];
    await here.runOfScope();
    expect(await given(here.results.validate({}))).toMatchObject({ verdict: 'look', problems: problem(1) });
    const { runId } = await here.run({ kind: 'completed' });
    expect(await given(here.results.validate({ runId }))).toMatchObject({ verdict: 'look', problems: problem(1, 3) });
  });

  test('name lost records of the scope, and take a record that an upload wrote again for no loss', async () => {
    await world.backup(here.table);
    await here.runOfScope();
    await putItems(world.dynamodb, here.table, [{ ...entryOf(0), SourceImage: { S: 'upload.png' } }]);
    const diff = await given(here.results.diff());
    expect(diff.totals).toMatchObject({ removed: 0, changed: 1, added: 0, same: 1 });
    await diff.dispose();
    await here.remove(1);
    expect(await given(here.results.validate({ recordAs: 'U1' }))).toMatchObject({
      verdict: 'bad',
      problems: expect.arrayContaining([expect.objectContaining({ kind: 'fewer-entries', before: 2, now: 1 })]),
    });
  });

  test('a run over everything has no changes of a scope', async () => {
    await world.backup(here.table);
    const { runId } = await here.run({ kind: 'completed' });
    expect(await given(here.results.changes(runId))).toBeUndefined();
  });
});

describe('a diff without a backup named', () => {
  test('a diff uses the backup of the flush, and not a later one of the empty table', async () => {
    const before = await world.backup(here.table);
    for (let index = 0; index < 4; index++) await here.remove(index);
    await here.noteFlush(before.id, Date.now());
    const ofEmpty = await world.backup(here.table);
    expect(ofEmpty.counts.total).toBe(0);
    await here.run({ kind: 'completed' }, { startedAt: Date.now() + 1_000 });
    const diff = await given(here.results.diff());
    expect(diff.backup.id).toBe(before.id);
    expect(diff.totals).toMatchObject({ removed: 4, added: 0 });
    await diff.dispose();
  });

  test('a diff uses the backup of a flush after the last run', async () => {
    const old = await world.backup(here.table);
    const { checklistId } = await here.run({ kind: 'completed' }, { startedAt: old.startedAt + 1 });
    await here.checklists.close(checklistId, { outcome: { kind: 'closed', by: 'U1' }, at: Date.now(), steps: [] });
    const relied = await world.backup(here.table);
    await here.noteFlush(relied.id, Date.now());
    const diff = await given(here.results.diff());
    expect(diff.backup.id).toBe(relied.id);
    await diff.dispose();
  });

  test('a diff without a flush uses the newest backup from before the run', async () => {
    const before = await world.backup(here.table);
    await here.run({ kind: 'completed' }, { startedAt: Date.now() });
    await new Promise((resolve) => setImmediate(resolve));
    const after = await world.backup(here.table);
    expect(after.startedAt).toBeGreaterThan(before.startedAt);
    const diff = await given(here.results.diff());
    expect(diff.backup.id).toBe(before.id);
    await diff.dispose();
  });

  test('a diff and a validation read an export of DynamoDB in full first, and compare with it', async () => {
    const exported = await world.exported(here.table);
    await here.remove(0);
    await here.run({ kind: 'completed' });
    expect(await findEntry(world.location, exported.id)).toMatchObject({ verification: { kind: 'sampled' } });
    const diff = await given(here.results.diff());
    expect(diff.backup).toMatchObject({ id: exported.id, verification: { kind: 'verified' } });
    expect(diff.totals).toMatchObject({ removed: 1, added: 0, changed: 0 });
    await diff.dispose();
    expect(await given(here.results.validate({}))).toMatchObject({ backup: { id: exported.id } });
  });

  test('a diff is refused without a backup, with an unknown one, and with one of another table', async () => {
    expect(await here.results.diff()).toEqual({
      ok: false,
      refusal: { reason: 'table', refusal: { reason: 'no-backup' } },
    });
    expect(await here.results.diff({ backupId: '01700000000000-00000000' })).toMatchObject({
      refusal: { reason: 'table', refusal: { reason: 'backup-not-found' } },
    });
    const other = await pipeline(1);
    const { id } = await world.backup(other.table);
    expect(await here.results.diff({ backupId: id })).toMatchObject({
      refusal: { reason: 'table', refusal: { reason: 'backup-of-another-table', backupId: id } },
    });
  });
});
