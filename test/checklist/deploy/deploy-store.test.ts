import { expect, test } from 'vitest';
import { createDeployStore } from '../../../src/checklist/deploy/deploy-store.ts';
import { createMemoryControlTable } from '../../support/memory/memory-control-table.ts';

test('no update of a deploy is empty, and the deploy before is stored where there is one', async () => {
  const { table } = createMemoryControlTable();
  const updates: object[] = [];
  const store = createDeployStore(
    {
      ...table,
      update(key, change, condition) {
        updates.push(change.set ?? {});
        return table.update(key, change, condition);
      },
    },
    'fn',
  );
  for (const id of ['d-1', 'd-2']) {
    await store.plan({ id, plan: '{}', by: 'U1', plannedAt: 1, isInPlace: false, state: 'planned' });
    await store.begin(id, ['planned'], { state: 'deploying', begunAt: 1 });
  }
  for (const set of updates) expect(Object.values(set).filter((value) => value !== undefined)).not.toEqual([]);
  expect(await store.read('d-1')).not.toHaveProperty('previous');
  expect(await store.read('d-2')).toMatchObject({ previous: 'd-1' });
});
