import fc from 'fast-check';
import { expect, test } from 'vitest';
import { sameItem } from '../../../src/pipeline/table/canonical.ts';
import { createConditions } from '../../../src/pipeline/table/condition.ts';
import type { Item } from '../../../src/pipeline/table/item.ts';
import {
  type Change,
  createBatchSize,
  createSwapPlan,
  type SwapRequest,
} from '../../../src/pipeline/table/swap-plan.ts';
import { everyType, keyOf, putNew, remove, replace } from './changes.ts';

const MINUTE = 60_000;
const named = (name: string) => Object.assign(new Error('no'), { name });
const idOf = (item: Item): string => JSON.stringify(keyOf(item));

/** A table whose transactions and tokens are those of DynamoDB. It compares whole versions instead of reading conditions. */
function createModel(changes: readonly Change[]) {
  const table = new Map<string, Item>();
  const tokens = new Map<string, number>();
  /** Per record: how often a call of the plan wrote it, and whether a failed condition met the new version. */
  const writes = new Map<string, number>();
  const metNext = new Set<string>();
  const lastMet = new Map<string, Item | undefined>();
  const changeOf = new Map(changes.map((change) => [idOf(change.key), change]));

  const actionsOf = ({ operation, body }: SwapRequest) => {
    const parsed = JSON.parse(body);
    const actions: { Item?: Item; Key?: Item }[] =
      operation === 'TransactWriteItems'
        ? parsed.TransactItems.map((action: Record<string, object>) => action.Put ?? action.Delete)
        : [parsed];
    return { token: parsed.ClientRequestToken, ids: actions.map(({ Item: item, Key }) => idOf(item ?? Key ?? {})) };
  };

  return {
    table,
    writes,
    metNext,
    lastMet,
    /** Carries a call out; the error where a condition fails. */
    carryOut(request: SwapRequest, now: number): { readonly error: Error; readonly refusal: unknown } | undefined {
      const { token, ids } = actionsOf(request);
      const completedAt = tokens.get(token);
      if (token !== undefined && completedAt !== undefined && now - completedAt < 10 * MINUTE) return undefined;
      const failed = ids.map((id) => {
        const isExpected = sameItem(table.get(id), changeOf.get(id)?.expected);
        if (isExpected) return undefined;
        lastMet.set(id, table.get(id));
        if (sameItem(table.get(id), changeOf.get(id)?.next)) metNext.add(id);
        return { Item: table.get(id) };
      });
      if (failed.some((one) => one !== undefined)) {
        if (request.operation !== 'TransactWriteItems')
          return { error: named('ConditionalCheckFailedException'), refusal: failed[0] };
        const reasons = failed.map((one) => (one ? { Code: 'ConditionalCheckFailed', ...one } : { Code: 'None' }));
        return { error: named('TransactionCanceledException'), refusal: { CancellationReasons: reasons } };
      }
      for (const id of ids) {
        const next = changeOf.get(id)?.next;
        if (next) table.set(id, next);
        else table.delete(id);
        writes.set(id, (writes.get(id) ?? 0) + 1);
      }
      if (token !== undefined) tokens.set(token, now);
      return undefined;
    },
  };
}

const lost = () => Object.assign(new Error('socket hang up'), { code: 'ECONNRESET' });
const refusals = {
  throttled: () => named('ProvisionedThroughputExceededException'),
  contention: () => named('TransactionConflictException'),
  'never arrived': lost,
};
type Answer = 'given' | 'lost' | keyof typeof refusals;
type Edit = 'changed' | 'gone' | 'expected' | 'next';

const event = fc.record({
  answer: fc.constantFrom<Answer>('given', 'given', 'lost', 'never arrived', 'throttled', 'contention'),
  passedMs: fc.constantFrom(0, 1_000, 5 * MINUTE, 11 * MINUTE),
  edit: fc.option(fc.record({ record: fc.nat(11), to: fc.constantFrom<Edit>('changed', 'gone', 'expected', 'next') }), {
    nil: undefined,
    freq: 2,
  }),
});
const kinds = fc.array(fc.constantFrom('put', 'replace', 'remove'), { minLength: 1, maxLength: 12 });

test('whatever answers are lost and whoever writes in between: no unknown version is replaced, and each result is true', () => {
  fc.assert(
    fc.property(kinds, fc.array(event, { maxLength: 25 }), (wanted, events) => {
      const changes = wanted.map((kind, index) => {
        const item = everyType(index);
        if (kind === 'put') return putNew(item);
        return kind === 'remove' ? remove(item) : replace(item, { ...item, Hours: { N: '3' } });
      });
      const model = createModel(changes);
      for (const { key, expected } of changes) if (expected) model.table.set(idOf(key), expected);
      let tokens = 0;
      const plan = createSwapPlan(changes, {
        table: 'T',
        conditions: createConditions(new Set()),
        batchSize: createBatchSize(),
        attempts: Number.POSITIVE_INFINITY,
        newToken: () => `token-${++tokens}`,
      });
      const edited = new Set<string>();
      let now = 0;
      const rest = [...events];
      for (let calls = 0; ; calls += 1) {
        expect(calls, 'the plan never ends').toBeLessThan(200);
        const { answer = 'given', passedMs = 0, edit } = rest.shift() ?? {};
        now += passedMs;
        const change = edit && changes[edit.record];
        if (edit && change) {
          const { key, expected, next } = change;
          const versions = { changed: { ...everyType(0), ...key, Added: { S: 'x' } }, gone: undefined, expected, next };
          const version = versions[edit.to];
          edited.add(idOf(key));
          if (version) model.table.set(idOf(key), version);
          else model.table.delete(idOf(key));
        }
        const request = plan.next(now);
        if (request === undefined) break;
        if (answer === 'given' || answer === 'lost') {
          const refused = model.carryOut(request, now);
          if (answer === 'lost') plan.noteError(lost(), undefined);
          else if (refused) plan.noteError(refused.error, refused.refusal);
          else plan.noteSuccess();
        } else plan.noteError(refusals[answer](), undefined);
      }
      for (const [index, result] of plan.results().entries()) {
        const { key, next } = changes[index] ?? { key: {}, next: undefined };
        const id = idOf(key);
        const wasWritten = (model.writes.get(id) ?? 0) > 0;
        if (!edited.has(id)) {
          expect(result).toEqual({ kind: 'done' });
          expect(sameItem(model.table.get(id), next)).toBe(true);
          expect(model.writes.get(id)).toBe(1);
        }
        if (result.kind === 'done') expect(wasWritten || model.metNext.has(id)).toBe(true);
        else {
          expect(sameItem(result.found, model.lastMet.get(id))).toBe(true);
          expect(edited.has(id)).toBe(true);
        }
      }
    }),
    { numRuns: 300 },
  );
});
