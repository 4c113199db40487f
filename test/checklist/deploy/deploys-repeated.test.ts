import { expect, test } from 'vitest';
import { createDeployStore, type DeployStore } from '../../../src/checklist/deploy/deploy-store.ts';
import type { ControlTable } from '../../../src/state/table/control-table.ts';
import {
  asOneCall,
  audit,
  checklistStore,
  copy,
  done,
  ends,
  events,
  freshForEachTest,
  held,
  noAnswer,
  openDeploys,
  PLAN,
  planned,
  shown,
  stateOf,
  stepNow,
  store,
  table,
  until,
  world,
} from './deploys-rig.ts';

freshForEachTest();

const storeWith = (other: Partial<ControlTable>): DeployStore => createDeployStore({ ...table, ...other }, 'fn');
/** A deploy that a process began which died then. */
async function leftBy(process: ReturnType<typeof copy>): Promise<string> {
  const id = await planned(process);
  const at = process.clock.now();
  await store.begin(id, ['planned'], { state: 'deploying', begunAt: at, at, by: 'U1', channel: 'C01', worker: 'dead' });
  return id;
}

test('a deploy is refused while a rollback whose end is not stored waits to be repeated', async () => {
  const one = copy('one', {
    store: storeWith({
      async update(key, change, condition) {
        if (change.set?.state === 'rolled-back') throw noAnswer();
        return table.update(key, change, condition);
      },
    }),
  });
  const [first, second] = [await planned(one), await planned(one)];
  await one.deploys.deploy(first, 'U1', 'C01');
  let answer: object | undefined;
  void one.deploys.rollback(first, 'U1', { channel: 'C01' }).then((result) => {
    answer = result;
  });
  await until(async () => answer !== undefined, one.clock);
  expect(answer).toMatchObject({ refusal: { reason: 'interrupted' } });
  const two = copy('two');
  expect(await two.deploys.deploy(second, 'U2', 'C01')).toEqual({ ok: false, refusal: { reason: 'step-active' } });
  two.deploys.standBy();
  await until(async () => (await stateOf(first)) === 'rolled-back', two.clock);
  await until(async () => (await openDeploys()).length === 0, two.clock);
  expect(await two.deploys.deploy(second, 'U2', 'C01')).toMatchObject({ ok: true });
  expect(done).toEqual(['one deploys', 'one rolls back', 'two rolls back', 'two deploys']);
});

test('what cannot be repeated is neither in the audit nor shown again and again', async () => {
  const one = copy('one');
  const id = await leftBy(one);
  audit.fail(new Error('The audit log does not answer.'));
  const two = copy('two');
  two.deploys.standBy();
  for (let second = 0; second < 600; second += 1) await two.clock.advance(1_000);
  expect(audit.written).toEqual([]);
  expect(done).toEqual([]);
  expect(events.map(({ kind }) => kind)).toEqual(['interrupted']);
  expect(await stateOf(id)).toBe('deploying');
});

test('a deploy whose end is never stored is repeated less and less often, and its interruption is shown once', async () => {
  await leftBy(copy('one'));
  const two = copy('two', {
    store: storeWith({
      async update(key, change, condition) {
        if (change.set?.state === 'deployed') throw noAnswer();
        return table.update(key, change, condition);
      },
    }),
  });
  two.deploys.standBy();
  for (let second = 0; second < 600; second += 1) await two.clock.advance(1_000);
  expect(done.length).toBeGreaterThan(2);
  expect(done.length).toBeLessThan(15);
  expect(events.filter(({ kind }) => kind === 'interrupted')).toHaveLength(1);
});

test('a deploy ends although the proof of failure logging cannot be removed: the proof names other code', async () => {
  Object.assign(checklistStore, {
    async removeProof() {
      throw noAnswer();
    },
  });
  const one = copy('one');
  const id = await planned(one);
  expect(await one.deploys.deploy(id, 'U1', 'C01')).toMatchObject({ ok: true });
  expect(await stateOf(id)).toBe('deployed');
});

test('a process that was frozen before it took a deploy over leaves it to the one that works on it', async () => {
  const id = await leftBy(copy('one'));
  const frozen = Promise.withResolvers<void>();
  const reached = Promise.withResolvers<void>();
  const two = copy('two', {
    store: storeWith({
      async update(key, change, condition) {
        if (change.set?.worker !== undefined) {
          reached.resolve();
          await frozen.promise;
        }
        return table.update(key, change, condition);
      },
    }),
  });
  two.deploys.standBy();
  await reached.promise;
  const work = held('three');
  const three = copy('three', { carryOut: work.carryOut });
  three.deploys.standBy();
  await until(async () => done.length > 0, three.clock);
  frozen.resolve();
  for (let step = 0; step < 20; step += 1) for (const { clock } of [two, three]) await clock.advance(250);
  expect(done).toEqual(['three deploys']);
  expect(await stepNow()).toMatchObject({ state: 'running' });
  work.finish();
  await until(async () => ends().length > 0, three.clock);
  expect(await stateOf(id)).toBe('deployed');
  expect(shown()).toEqual(['deploy finished interrupted']);
  expect(events.map(({ kind }) => kind)).not.toContain('interrupted');
});

test('an end that is stored, whose reply is lost, and that cannot be written again is the end all the same', async () => {
  let isDown = false;
  const one = copy('one', {
    store: {
      ...store,
      async change(record, set) {
        if (isDown) throw noAnswer();
        const changed = await store.change(record, set);
        // It answers again when the process has given up to store the end.
        if (set.state !== 'deployed') return changed;
        isDown = true;
        throw noAnswer();
      },
    },
  });
  const id = await planned(one);
  let answer: object | undefined;
  void one.deploys.deploy(id, 'U1', 'C01').then((result) => {
    answer = result;
  });
  await until(async () => answer !== undefined, one.clock);
  expect(answer).toMatchObject({ ok: true, isShown: true });
  expect(shown()).toEqual(['deploy finished']);
  expect(await stepNow()).toMatchObject({ state: 'done' });
  expect(audit.written.filter(({ what }) => what === `deploy ${id}`).map(({ outcome }) => outcome)).toEqual([
    expect.stringMatching(/^begun/),
    expect.stringMatching(/^finished/),
  ]);
});

test('a process whose lease is lost in a call of AWS changes neither the step nor a proof that was made since', async () => {
  const work = held('one');
  const one = copy('one', {
    carryOut: asOneCall(work.carryOut),
  });
  const id = await planned(one);
  const first = one.deploys.deploy(id, 'U1', 'C01');
  await work.begun;
  const two = copy('two');
  two.deploys.standBy();
  await until(async () => ends().length > 0, two.clock);
  for (let step = 0; step < 240; step += 1) await one.clock.advance(250);
  expect(await stepNow()).toMatchObject({ state: 'done' });
  await two.checklist.prove('logging', { by: 'U3', codeSha256: PLAN.next.codeSha256 });
  work.finish();
  expect(await first).toMatchObject({ refusal: { reason: 'interrupted' } });
  expect(await stepNow()).toMatchObject({ state: 'done' });
  expect(await checklistStore.proof('logging')).toMatchObject({ by: 'U3' });
});

test('a rollback has neither the kept code of an earlier one nor the approval of its deploy', async () => {
  let refusals = 1;
  const kept: (string | undefined)[] = [];
  const one = copy('one', {
    async rollBack({ former }, { keeps }) {
      kept.push(keeps);
      if (refusals-- > 0) throw new Error('Lambda refuses it.');
      return { codeSha256: former.codeSha256 };
    },
  });
  const id = await planned(one);
  await one.deploys.deploy(id, 'U1', 'C01');
  await table.update({ pk: `deploy#${id}`, sk: 'deploy' }, { set: { approvalId: 'a-1', approvedBy: 'U2' } });
  await one.deploys.rollback(id, 'U1', { keeps: 'X' });
  expect(await one.deploys.rollback(id, 'U1', {})).toMatchObject({ ok: true });
  expect(kept).toEqual(['X', undefined]);
  expect(ends().at(-1)?.deploy).not.toHaveProperty('approvedBy');
});

test('a shutdown while a deploy takes its lease begins nothing', async () => {
  const one = copy('one');
  const id = await planned(one);
  let isDown: Promise<void> | undefined;
  world.meanwhile = async () => {
    isDown = one.deploys.shutDown();
  };
  expect(await one.deploys.deploy(id, 'U1', 'C01')).toEqual({ ok: false, refusal: { reason: 'shutting-down' } });
  await isDown;
  expect(await stateOf(id)).toBe('planned');
});
