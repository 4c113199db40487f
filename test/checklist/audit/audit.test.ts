import fc from 'fast-check';
import { afterEach, beforeEach, describe, expect, onTestFinished, test, vi } from 'vitest';
import { type AuditEntry, chain, hashOf, NO_ENTRY, verifyChain } from '../../../src/checklist/audit/audit-entry.ts';
import { type AuditLog, createAuditAnchors, createAuditLog } from '../../../src/checklist/audit/audit-log.ts';
import { createAuditWriter } from '../../../src/checklist/audit/audit-writer.ts';
import { systemClock } from '../../../src/lib/clock.ts';
import { type ControlTable, openControlTable } from '../../../src/state/table/control-table.ts';
import { type LocalDynamo, startDynalite } from '../../support/aws/dynalite.ts';
import { startS3 } from '../../support/aws/s3.ts';
import { HANGS_MS } from '../../support/eventually.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const facts = (n: number) => ({ at: 1_000 + n, who: `U${n}`, what: `/rescan stop ${n}`, outcome: 'done' });
function chainOf(count: number): AuditEntry[] {
  const entries: AuditEntry[] = [];
  for (let n = 1; n <= count; n++) entries.push(chain(entries.at(-1), facts(n)));
  return entries;
}
async function* stream(entries: readonly unknown[]) {
  yield* entries;
}
const check = (entries: readonly AuditEntry[], head = entries.at(-1)) =>
  verifyChain(stream(entries), head ? { head } : {});

describe('the chain', () => {
  test('the audit chain begins with zeros, and each entry contains the hash of the previous one', async () => {
    const [first, second] = chainOf(2);
    expect(first).toMatchObject({ number: 1, previous: NO_ENTRY });
    expect(second).toMatchObject({ number: 2, previous: first?.hash });
    expect(await check(chainOf(50))).toEqual({ ok: true, entries: 50, head: chainOf(50).at(-1)?.hash });
    expect(await check([])).toEqual({ ok: true, entries: 0, head: NO_ENTRY });
  });

  test('a changed field of any audit entry breaks the chain', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.integer({ min: 0, max: 9 }),
        fc.constantFrom('at', 'who', 'what', 'why', 'outcome', 'previous', 'hash'),
        async (at, field) => {
          const entries = chainOf(10);
          const head = entries.at(-1);
          const entry = entries[at];
          if (!entry) throw new Error('no such entry');
          entries[at] = { ...entry, [field]: field === 'at' ? entry.at + 1 : `${entry[field as 'who']}x` };
          expect((await check(entries, head)).ok).toBe(false);
        },
      ),
    );
  });

  test('a changed audit entry with a recomputed hash is found by the next entry or the head', async () => {
    for (const at of [3, 9]) {
      const entries = chainOf(10);
      const head = entries.at(-1);
      const entry = entries[at];
      if (!entry) throw new Error('no such entry');
      const forged = { ...entry, who: 'U0INNOCENT' };
      entries[at] = { ...forged, hash: hashOf(forged) };
      expect(await check(entries, head)).toMatchObject({ ok: false });
    }
  });

  test('a removed audit entry is found in the middle, at the beginning and at the end', async () => {
    const all = chainOf(10);
    const head = all.at(-1);
    expect(await check(all.toSpliced(4, 1), head)).toEqual({ ok: false, broken: { kind: 'missing', number: 5 } });
    expect(await check(all.slice(1), head)).toEqual({ ok: false, broken: { kind: 'missing', number: 1 } });
    expect(await check(all.slice(0, 8), head)).toEqual({ ok: false, broken: { kind: 'cut-off', number: 9 } });
  });

  test('an inserted or unreadable audit entry is found', async () => {
    const all = chainOf(4);
    const again = all[1];
    expect(await check(all.toSpliced(2, 0, ...(again ? [again] : [])), all.at(-1))).toEqual({
      ok: false,
      broken: { kind: 'inserted', number: 2 },
    });
    const unreadable = [...all.slice(0, 2), { number: 'three' }, ...all.slice(3)];
    expect(await verifyChain(stream(unreadable))).toEqual({ ok: false, broken: { kind: 'changed', number: 3 } });
    const [first, second, third, fourth] = all;
    expect(await verifyChain(stream([first, third, second, fourth]))).toMatchObject({ ok: false });
  });

  test('an audit chain without its last entries and with a rewritten head is found by the stored heads', async () => {
    const all = chainOf(10);
    const anchors = new Map(
      [all[4], all[8]].flatMap((entry) => (entry ? [[entry.number, new Set([entry.hash])] as const] : [])),
    );
    const cut = all.slice(0, 7);
    const head = cut.at(-1);
    expect((await verifyChain(stream(all), { anchors })).ok).toBe(true);
    expect(await verifyChain(stream(cut), { ...(head ? { head } : {}), anchors })).toEqual({
      ok: false,
      broken: { kind: 'cut-off', number: 8 },
    });
    // Entries were removed and others appended: the chain is valid in itself.
    const rewritten = [...cut];
    for (let n = 8; n <= 12; n++) rewritten.push(chain(rewritten.at(-1), facts(n + 100)));
    expect((await verifyChain(stream(rewritten))).ok).toBe(true);
    expect(await verifyChain(stream(rewritten), { anchors })).toEqual({
      ok: false,
      broken: { kind: 'changed', number: 9 },
    });
  });

  test('the audit chain is searched for a hash that a person kept', async () => {
    const all = chainOf(5);
    const noted = all[2]?.hash ?? '';
    expect(await verifyChain(stream(all), { noted })).toMatchObject({ ok: true, notedAt: 3 });
    expect(await verifyChain(stream(all.slice(0, 2)), { noted })).toEqual({
      ok: false,
      broken: { kind: 'not-as-noted' },
    });
  });

  test('audit entries whose joined fields look alike have different hashes', () => {
    const one = { number: 1, at: 1, who: 'U1', what: 'a', why: 'bc', outcome: '', previous: NO_ENTRY };
    expect(hashOf(one)).not.toBe(hashOf({ ...one, what: 'ab', why: 'c' }));
    const { why: _why, ...without } = one;
    expect(hashOf({ ...one, why: '' })).not.toBe(hashOf(without));
  });
});

describe('the audit in the control table', () => {
  let dynamo: LocalDynamo;
  let table: ControlTable;
  let audit: AuditLog;
  let anchors: Map<number, Set<string>>;
  const ports = { anchors: { read: async () => anchors }, warn: () => {} };
  beforeEach(async () => {
    dynamo = await startDynalite();
    table = await openControlTable({ dynamodb: dynamo.client, tableName: 'control', clock: systemClock });
    anchors = new Map();
    audit = createAuditLog(table, 'fn', ports);
  });
  afterEach(() => dynamo.stop());

  const all = async () => {
    const entries: AuditEntry[] = [];
    for await (const entry of audit.entries()) entries.push(entry);
    return entries;
  };

  test('the audit log returns its entries in order, or newest first', async () => {
    for (let n = 1; n <= 5; n++) await audit.append(facts(n));
    expect((await all()).map(({ who }) => who)).toEqual(['U1', 'U2', 'U3', 'U4', 'U5']);
    const newest = [];
    for await (const entry of audit.entries({ newestFirst: true, limit: 2 })) newest.push(entry.who);
    expect(newest).toEqual(['U5', 'U4']);
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 5 });
  });

  test('two processes that write to the audit log at once make one valid chain and lose nothing', async () => {
    const other = createAuditLog(table, 'fn', ports);
    const writes = Array.from({ length: 20 }, (_, n) => (n % 2 === 0 ? audit : other).append(facts(n)));
    await Promise.all(writes);
    expect(new Set((await all()).map(({ who }) => who)).size).toBe(20);
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 20 });
  });

  test('the audit log continues after the last entry when a crash left the head behind', async () => {
    for (let n = 1; n <= 3; n++) await audit.append(facts(n));
    const second = (await all())[1];
    await table.update({ pk: 'audit#fn', sk: 'head' }, { set: { number: 2, hash: second?.hash } });
    await createAuditLog(table, 'fn', ports).append(facts(4));
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 4 });
  });

  test('the audit log continues after the last entry that is there when the control table was set back', async () => {
    for (let n = 1; n <= 3; n++) await audit.append(facts(n));
    const second = (await all())[1];
    await table.remove({ pk: 'audit#fn', sk: 'entry#0000000003' });
    await table.update({ pk: 'audit#fn', sk: 'head' }, { set: { number: 2, hash: second?.hash } });
    await audit.append(facts(4));
    expect((await all()).map(({ number, who }) => `${number} ${who}`)).toEqual(['1 U1', '2 U2', '3 U4']);
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 3 });
  });

  test('the audit log goes on after an entry that was damaged, and after one whose number was changed', async () => {
    const other = createAuditLog(table, 'fn', ports);
    await audit.append(facts(1));
    for (let n = 2; n <= 5; n++) await other.append(facts(n));
    await table.update({ pk: 'audit#fn', sk: 'entry#0000000001' }, { set: { hash: 5 } });
    expect((await audit.append(facts(6))).number).toBe(6);
    await table.update({ pk: 'audit#fn', sk: 'entry#0000000005' }, { set: { number: 2 } });
    await table.update({ pk: 'audit#fn', sk: 'head' }, { set: { number: 3 } });
    expect((await createAuditLog(table, 'fn', ports).append(facts(7))).number).toBe(7);
  });

  test('an audit entry takes three calls to the control table after another one of its process, and eight after many of others', async () => {
    let calls = 0;
    const counted = <A extends unknown[], R>(call: (...parts: A) => R) => {
      return (...parts: A) => {
        calls += 1;
        return call(...parts);
      };
    };
    const { read, create, update } = table;
    const counting = { ...table, read: counted(read), create: counted(create), update: counted(update) };
    const log = createAuditLog(counting, 'fn', ports);
    await log.append(facts(1));
    calls = 0;
    await log.append(facts(2));
    expect(calls).toBe(3);
    for (let n = 3; n <= 40; n++) await audit.append(facts(n));
    calls = 0;
    await log.append(facts(41));
    expect(calls).toBe(8);
    expect(await audit.verify()).toMatchObject({ ok: true, entries: 41 });
  });

  /** The table, whose next calls of this name fail: before they are carried out, or with their answer lost. */
  function failing(name: 'create' | 'update', times: number, when: 'before' | 'after'): ControlTable {
    let left = times;
    const fail = async <T>(call: () => Promise<T>): Promise<T> => {
      if (left <= 0) return call();
      left -= 1;
      if (when === 'after') await call();
      throw new Error('the control table does not answer');
    };
    return name === 'create'
      ? { ...table, create: (...parts) => fail(() => table.create(...parts)) }
      : { ...table, update: (...parts) => fail(() => table.update(...parts)) };
  }

  test.each([
    ['the head was not updated', 'update', 'before'],
    ['the answer to the update of the head was lost', 'update', 'after'],
    ['the entry was not created', 'create', 'before'],
    ['the answer to its creation was lost', 'create', 'after'],
  ] as const)(
    'an audit entry is written once although %s, also when another process writes meanwhile',
    async (_, name, when) => {
      await audit.append(facts(1));
      for (const withOther of [false, true]) {
        const clock = createFakeClock();
        const log = createAuditLog(failing(name, 2, when), 'fn', ports);
        let tries = 0;
        const writer = createAuditWriter({
          async append(given) {
            tries += 1;
            if (withOther && tries === 2) for (const n of [2, 3]) await audit.append(facts(n));
            return log.append(given);
          },
          anchor: async () => {},
          clock,
          warn: () => {},
        });
        writer.enqueue({ who: 'U7', what: `run ${withOther}`, outcome: 'begun' });
        writer.enqueue({ who: 'U7', what: `run ${withOther}`, outcome: 'begun' });
        // Two actions of the same time and text are two entries.
        await vi.waitFor(
          async () => {
            await clock.advance(1_000);
            expect(writer.waiting()).toBe(0);
          },
          { timeout: HANGS_MS },
        );
        expect(tries).toBe(4);
        expect((await all()).filter(({ what }) => what === `run ${withOther}`)).toHaveLength(2);
      }
      expect(await audit.verify()).toMatchObject({ ok: true, entries: 7 });
    },
  );

  test('an audit entry that an older version wrote, without an id, has the hash that it had', () => {
    expect(chain(undefined, { ...facts(1), id: 'an id' }).hash).toBe(chain(undefined, facts(1)).hash);
  });

  test('an audit entry that was changed or deleted in the table is found', async () => {
    for (let n = 1; n <= 3; n++) await audit.append(facts(n));
    await table.update({ pk: 'audit#fn', sk: 'entry#0000000002' }, { set: { who: 'U0INNOCENT' } });
    expect(await audit.verify()).toMatchObject({ ok: false, broken: { kind: 'changed', number: 2 } });
    await table.remove({ pk: 'audit#fn', sk: 'entry#0000000003' });
    await table.update({ pk: 'audit#fn', sk: 'entry#0000000002' }, { set: { who: 'U2' } });
    expect(await audit.verify()).toMatchObject({ ok: false, broken: { kind: 'cut-off', number: 3 } });
  });

  test('the audit log is compared with the heads in S3, and says when they cannot be read', async () => {
    for (let n = 1; n <= 3; n++) await audit.append(facts(n));
    const third = (await all())[2];
    anchors.set(3, new Set([third?.hash ?? '']));
    expect(await audit.verify(third?.hash)).toMatchObject({ ok: true, anchors: 1, notedAt: 3 });
    await table.remove({ pk: 'audit#fn', sk: 'entry#0000000003' });
    await table.remove({ pk: 'audit#fn', sk: 'head' });
    expect(await audit.verify()).toMatchObject({ ok: false, broken: { kind: 'cut-off', number: 3 } });
    const blind = createAuditLog(table, 'fn', {
      anchors: {
        async read() {
          throw new Error('denied');
        },
      },
      warn: () => {},
    });
    const check = await blind.verify();
    expect(check).toMatchObject({ ok: true, entries: 2 });
    expect(check).not.toHaveProperty('anchors');
  });

  test('a head is stored with its length, so that the SDK writes no warning past the log', async () => {
    const s3 = await startS3('control');
    onTestFinished(() => s3.stop());
    const warned = vi.spyOn(console, 'warn').mockImplementation(() => {});
    onTestFinished(() => warned.mockRestore());
    const anchors = createAuditAnchors(s3.client, { bucket: 'control', prefix: 'audit/' });
    await anchors.put({ number: 1, hash: 'a'.repeat(64) });
    expect(await anchors.read()).toEqual(new Map([[1, new Set(['a'.repeat(64)])]]));
    expect(warned.mock.calls).toEqual([]);
  });

  test('two heads in S3 with one number and different hashes are a break, in whichever order they are listed', async () => {
    for (let n = 1; n <= 3; n++) await audit.append(facts(n));
    const hash = (await all())[2]?.hash ?? '';
    const s3 = await startS3('control');
    onTestFinished(() => s3.stop());
    for (const other of ['0'.repeat(64), 'f'.repeat(64)]) {
      const stored = createAuditAnchors(s3.client, { bucket: 'control', prefix: `${other}/` });
      const check = createAuditLog(table, 'fn', { anchors: stored, warn: () => {} });
      await stored.put({ number: 3, hash });
      expect(await check.verify()).toMatchObject({ ok: true, anchors: 1 });
      await stored.put({ number: 3, hash: other });
      expect(await check.verify()).toEqual({ ok: false, broken: { kind: 'two-heads', number: 3 }, anchors: 2 });
    }
  });

  test('an audit entry that cannot be read is named when entries are listed', async () => {
    for (let n = 1; n <= 3; n++) await audit.append(facts(n));
    await table.update({ pk: 'audit#fn', sk: 'entry#0000000002' }, { set: { at: 'never' } });
    await expect(all()).rejects.toMatchObject({ name: 'AuditUnreadableError', location: 'entry#0000000002' });
    expect(await audit.verify()).toMatchObject({ ok: false, broken: { kind: 'changed', number: 2 } });
  });

  test('texts that are too long for an audit entry are cut, and the chain stays valid', async () => {
    await audit.append({ at: 1, who: 'U1', what: 'x'.repeat(10_000), outcome: 'y'.repeat(10_000) });
    expect((await all())[0]?.what).toHaveLength(2_000);
    expect(await audit.verify()).toMatchObject({ ok: true });
  });
});
