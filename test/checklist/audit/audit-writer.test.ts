import { describe, expect, test } from 'vitest';
import { type AuditEntry, type AuditFacts, chain } from '../../../src/checklist/audit/audit-entry.ts';
import { createAuditWriter } from '../../../src/checklist/audit/audit-writer.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const entry = (what: string) => ({ who: 'U1', what, outcome: 'finished' as const });

function keeping(options: { maxWaiting?: number } = {}) {
  const clock = createFakeClock(1_000);
  const written: AuditEntry[] = [];
  const anchored: number[] = [];
  const warnings: string[] = [];
  const state = { isDown: false };
  const keeper = createAuditWriter({
    async append(facts: AuditFacts) {
      if (state.isDown) throw new Error('the control table does not answer');
      const entry = chain(written.at(-1), facts);
      written.push(entry);
      return entry;
    },
    anchor: async ({ number }) => void anchored.push(number),
    clock,
    warn: (message) => void warnings.push(message),
    ...options,
  });
  return { clock, keeper, written, anchored, warnings, state, whats: () => written.map(({ what }) => what) };
}

describe('audit writer', () => {
  test('the audit writer writes entries in their order, and anchors the last one', async () => {
    const { keeper, clock, whats, anchored } = keeping();
    keeper.enqueue(entry('one'));
    keeper.enqueue(entry('two'));
    await keeper.record(entry('three'));
    await clock.advance(1);
    expect(whats()).toEqual(['one', 'two', 'three']);
    expect(anchored).toEqual([3]);
    expect(keeper.waiting()).toBe(0);
  });

  test('the audit writer tries again until an entry is written, with the time of the action', async () => {
    const { keeper, clock, state, written, whats } = keeping();
    state.isDown = true;
    keeper.enqueue(entry('one'));
    keeper.enqueue(entry('two'));
    await clock.advance(60_000);
    expect(keeper.waiting()).toBe(2);
    state.isDown = false;
    await clock.advance(60_000);
    expect(whats()).toEqual(['one', 'two']);
    expect(written.map(({ at }) => at)).toEqual([1_000, 1_000]);
  });

  test('the audit writer rejects a required entry at once when it cannot be written, and never writes it later', async () => {
    const { keeper, clock, state, whats } = keeping();
    state.isDown = true;
    keeper.enqueue(entry('one'));
    await expect(keeper.record(entry('flush'))).rejects.toThrow('does not answer');
    state.isDown = false;
    await clock.advance(60_000);
    expect(whats()).toEqual(['one']);
  });

  test('the audit writer writes how many entries were lost', async () => {
    const { keeper, clock, state, written } = keeping({ maxWaiting: 2 });
    state.isDown = true;
    for (let n = 0; n < 5; n++) keeper.enqueue(entry(`entry ${n}`));
    await clock.advance(1_000);
    expect(keeper.waiting()).toBe(5);
    state.isDown = false;
    await clock.advance(60_000);
    expect(written.map(({ what }) => what)).toEqual(['entry 0', 'entry 1', 'audit']);
    expect(written.at(-1)?.outcome).toMatch(/^failed: 3 entries were lost/);
  });

  test('closing the audit writer waits for its entries, but not longer than the given time', async () => {
    const { keeper, clock, state, warnings } = keeping();
    keeper.enqueue(entry('one'));
    await keeper.close(2_000);
    const down = keeping();
    down.state.isDown = true;
    down.keeper.enqueue(entry('two'));
    let isClosed = false;
    void down.keeper.close(2_000).then(() => {
      isClosed = true;
    });
    await down.clock.advance(1_900);
    expect(isClosed).toBe(false);
    await down.clock.advance(200);
    expect(isClosed).toBe(true);
    expect(down.warnings[0]).toMatch(/1 entries wait/);
    expect([state.isDown, warnings, clock.now()]).toEqual([false, [], 1_000]);
  });
});
