import * as fc from 'fast-check';
import { expect, test } from 'vitest';
import { findBackup } from '../../../src/backup/catalogue/catalogue.ts';
import { RestoreDigestMismatchError } from '../../../src/backup/errors.ts';
import { keyText } from '../../../src/backup/format/item-key.ts';
import { readBack } from '../../../src/backup/verify/verify.ts';
import { readSupplements } from '../../../src/backup/write/supplement.ts';
import { canonicalItem } from '../../../src/pipeline/table/canonical.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import { FAULTS_TIMEOUT_MS, FULL } from '../../support/fault-forms.ts';
import type { Call, Fate } from '../../support/memory/aws/clients.ts';
import { createFaultWorld, EDITS, type EditKind, type FaultWorld, isOfScope, keyOf } from './fault-world.ts';

const SCHEDULES = FULL ? 1_000 : 12;

/** What happens right before a call: an edit by the writer, or something that happens to the call itself. */
type Happening =
  | { readonly kind: 'edit'; readonly edit: EditKind; readonly index: number }
  | { readonly kind: 'answer-lost' | 'not-sent' | 'crash' };
interface Step {
  /** Calls that pass since the step before. */
  readonly after: number;
  readonly happening: Happening;
}

const edit = fc.record({
  kind: fc.constant('edit' as const),
  edit: fc.constantFrom(...EDITS),
  index: fc.nat({ max: 13 }),
});
const fault = fc.constantFrom('answer-lost' as const, 'not-sent' as const, 'crash' as const).map((kind) => ({ kind }));
const schedules = fc.array(
  fc.record({
    after: fc.nat({ max: 12 }),
    happening: fc.oneof({ weight: 4, arbitrary: edit }, { weight: 1, arbitrary: fault }),
  }),
  { maxLength: 25 },
);

type Ports = FaultWorld['undisturbed'];

/** Plays a schedule over the lives of a bot that is started again until `work` ends. */
async function play(
  world: FaultWorld,
  schedule: readonly Step[],
  work: (ports: Ports, mayWrite: () => void) => Promise<unknown>,
): Promise<void> {
  const steps = [...schedule];
  let passed = 0;
  for (let life = 0; life <= schedule.length + 2; life += 1) {
    let isDead = false;
    const interfere = (_: Call): Fate => {
      if (isDead) return 'dead';
      passed += 1;
      for (let step = steps[0]; step !== undefined && passed > step.after; step = steps[0]) {
        steps.shift();
        passed = 0;
        const { happening } = step;
        if (happening.kind === 'edit') world.edit(happening.edit, happening.index);
        else if (happening.kind === 'crash') isDead = true;
        else return happening.kind;
        if (isDead) return 'dead';
      }
      return undefined;
    };
    const mayWrite = () => {
      if (isDead) throw new Error('This process is dead');
    };
    try {
      await work(world.life(interfere), mayWrite);
      return;
    } catch (error) {
      // The writer was at work until the end.
      if (error instanceof RestoreDigestMismatchError) return;
      // The process died, or a call of S3 failed: the next life continues the job. A defect would fail in every life.
    }
  }
  throw new Error('The job does not end');
}

/** What a restore of the backup and its supplements would bring back, by key. */
async function restorable(world: FaultWorld, backupId: string): Promise<Map<string, Item>> {
  const { location } = world.undisturbed;
  const items = new Map<string, Item>();
  await readBack(location, await findBackup(location, backupId), {
    visit: ({ item }) => void items.set(keyText(keyOf(item)), item),
  });
  const { byKey } = await readSupplements(location, backupId, keyOf);
  for (const [key, { stored }] of byKey) items.set(key, stored.item);
  return items;
}

const texts = (items: Iterable<Item | undefined>) => [...items].map((item) => item && canonicalItem(item));

test(
  'Whatever is edited, lost and killed during a flush, every version is in the table or in S3, and the last one comes back',
  async () => {
    await fc.assert(
      fc.asyncProperty(schedules, async (schedule) => {
        const world = createFaultWorld();
        const { id } = await world.makeBackup();
        await play(world, schedule, (ports, mayWrite) => world.flush(ports, id, mayWrite));
        expect(world.lost).toEqual([]);
        expect(world.missing()).toEqual([]);
        const saved = await restorable(world, id);
        expect(texts([...world.taken.keys()].map((key) => saved.get(key)))).toEqual(texts(world.taken.values()));
      }),
      { numRuns: SCHEDULES },
    );
  },
  FAULTS_TIMEOUT_MS,
);

test(
  'Whatever is edited, lost and killed during a flush of a scope, no version of a record outside of it is taken away',
  async () => {
    await fc.assert(
      fc.asyncProperty(schedules, async (schedule) => {
        const world = createFaultWorld();
        const { id } = await world.makeBackup();
        await play(world, schedule, (ports, mayWrite) => world.flush(ports, id, mayWrite, isOfScope));
        expect(world.everTaken.filter((item) => !isOfScope(item))).toEqual([]);
        expect(world.lost).toEqual([]);
        expect(world.missing()).toEqual([]);
        const saved = await restorable(world, id);
        expect(texts([...world.taken.keys()].map((key) => saved.get(key)))).toEqual(texts(world.taken.values()));
        if (schedule.length === 0) expect([...world.rows().values()].filter(isOfScope)).toEqual([]);
      }),
      { numRuns: SCHEDULES },
    );
  },
  FAULTS_TIMEOUT_MS,
);

test(
  'Whatever is edited, lost and killed during a restore, every version is in the table or in S3, and an undo brings the last one back',
  async () => {
    const drift = fc.array(edit, { maxLength: 10 });
    const mode = fc.constantFrom('merge' as const, 'replace' as const);
    await fc.assert(
      fc.asyncProperty(drift, mode, schedules, async (edits, how, schedule) => {
        const world = createFaultWorld();
        const { id } = await world.makeBackup();
        for (const each of edits) world.edit(each.edit, each.index);
        let safetyBackupId: string | undefined;
        await play(world, schedule, (ports, mayWrite) => world.restore(ports, id, how, mayWrite));
        const job = await world.undisturbed.jobs.read('restore');
        if (job?.kind === 'restore') safetyBackupId = job.safetyBackupId;
        expect(world.lost).toEqual([]);
        expect(world.missing()).toEqual([]);
        const saved = await restorable(world, safetyBackupId ?? '');
        expect(texts([...world.taken.keys()].map((key) => saved.get(key)))).toEqual(texts(world.taken.values()));
      }),
      { numRuns: SCHEDULES },
    );
  },
  FAULTS_TIMEOUT_MS,
);
