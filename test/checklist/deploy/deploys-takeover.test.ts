import { describe, expect, test } from 'vitest';
import { createDeployStore, type DeployStore } from '../../../src/checklist/deploy/deploy-store.ts';
import type { ControlTable } from '../../../src/state/table/control-table.ts';
import {
  asOneCall,
  audit,
  type Copy,
  copy,
  done,
  ends,
  events,
  freshForEachTest,
  held,
  noAnswer,
  openDeploys,
  planned,
  shown,
  stateOf,
  stepNow,
  store,
  table,
  until,
  whenShown,
} from './deploys-rig.ts';

freshForEachTest();

const outcomesOf = (what: string) =>
  audit.written.filter((entry) => entry.what.startsWith(what)).map(({ outcome }) => outcome.replace(/:.*/, ''));
const slackIsDown = () =>
  whenShown(async ({ kind }) => {
    if (kind === 'ended') throw new Error('Slack is down');
  });
/** Lets another process look at what is open, until nothing changes any more. */
async function settled(other: Copy): Promise<void> {
  for (let second = 0; second < 60; second += 1) await other.clock.advance(1_000);
}
/** The store on a table of which some updates fail, or wait. */
const storeWith = (before: (sk: string, set: Record<string, unknown>) => Promise<void>): DeployStore => {
  const update: ControlTable['update'] = async (key, change, condition) => {
    await before(key.sk, change.set ?? {});
    return table.update(key, change, condition);
  };
  const create: ControlTable['create'] = async (key, attributes) => {
    await before(key.sk, attributes);
    return table.create(key, attributes);
  };
  return createDeployStore({ ...table, update, create }, 'fn');
};

describe('a process that was frozen in its last call of AWS', () => {
  test.each([
    ['before it notices that its lease is lost', false],
    ['after it has noticed that its lease is lost', true],
  ])(
    'stores and shows nothing of a deploy that another one finished and that is being rolled back: %s',
    async (_, notices) => {
      const work = held('one');
      const one = copy('one', {
        carryOut: asOneCall(work.carryOut),
      });
      const id = await planned(one);
      const first = one.deploys.deploy(id, 'U1', 'C01');
      await work.begun;
      const back = held('two');
      const two = copy('two', { rollBack: back.carryOut });
      two.deploys.standBy();
      await until(async () => (await openDeploys()).length === 0 && ends().length > 0, two.clock);
      const rolledBack = two.deploys.rollback(id, 'U2', { channel: 'C02' });
      await back.begun;
      if (notices)
        for (let step = 0; step < 40; step += 1) {
          await one.clock.advance(250);
          await two.clock.advance(250);
        }
      work.finish();
      expect(await first).toMatchObject({ ok: false, refusal: { reason: 'interrupted' }, isShown: true });
      expect(await stateOf(id)).toBe('rolling-back');
      expect(await stepNow()).toMatchObject({ state: 'running', by: 'U2' });
      back.finish();
      expect(await rolledBack).toMatchObject({ ok: true });
      expect(await stateOf(id)).toBe('rolled-back');
      expect(shown()).toEqual(['deploy finished interrupted', 'rollback finished']);
      expect(events.filter(({ kind }) => kind === 'interrupted')).toEqual([]);
      expect(outcomesOf('deploy')).toEqual(['begun', 'resumed', 'finished']);
      expect(outcomesOf('rollback')).toEqual(['begun', 'finished']);
    },
  );
});

describe('an end that the control table does not store', () => {
  test('is stored when it does again, and is no failure', async () => {
    let failures = 3;
    const one = copy('one', {
      store: storeWith(async (_, { state }) => {
        if (state === 'rolled-back' && failures-- > 0) throw noAnswer();
      }),
    });
    const id = await planned(one);
    await one.deploys.deploy(id, 'U1', 'C01');
    const rolledBack = one.deploys.rollback(id, 'U1', { channel: 'C01' });
    await until(async () => (await stateOf(id)) === 'rolled-back', one.clock);
    expect(await rolledBack).toMatchObject({ ok: true });
    expect(shown()).toEqual(['deploy finished', 'rollback finished']);
    expect(outcomesOf('rollback')).toEqual(['begun', 'finished']);
  });

  test('leaves the rollback in progress, and another process finishes it', async () => {
    const one = copy('one', {
      store: storeWith(async (_, { state }) => {
        if (state === 'rolled-back') throw noAnswer();
      }),
    });
    const id = await planned(one);
    await one.deploys.deploy(id, 'U1', 'C01');
    let answer: object | undefined;
    void one.deploys.rollback(id, 'U1', { channel: 'C01' }).then((result) => {
      answer = result;
    });
    await until(async () => answer !== undefined, one.clock);
    expect(answer).toMatchObject({ ok: false, refusal: { reason: 'interrupted' }, isShown: true });
    expect(await stateOf(id)).toBe('rolling-back');
    const two = copy('two');
    two.deploys.standBy();
    await until(async () => ends().length > 1, two.clock);
    expect(await stateOf(id)).toBe('rolled-back');
    expect(done).toEqual(['one deploys', 'one rolls back', 'two rolls back']);
    expect(shown()).toEqual(['deploy finished', 'rollback finished interrupted']);
    expect(outcomesOf('rollback')).toEqual(['begun', 'interrupted', 'resumed', 'finished']);
  });
});

describe('a beginning whose write is stored and whose reply is lost', () => {
  const losing = (isUnread: boolean): DeployStore => {
    let isLost = false;
    return {
      ...store,
      async begin(id, from, set) {
        const begun = await store.begin(id, from, set);
        if (set.state !== 'rolling-back') return begun;
        isLost = true;
        throw noAnswer();
      },
      async read(id) {
        if (isLost && isUnread) throw noAnswer();
        return store.read(id);
      },
    };
  };

  test('is carried out, where the record can be read', async () => {
    const one = copy('one', { store: losing(false) });
    const id = await planned(one);
    await one.deploys.deploy(id, 'U1', 'C01');
    expect(await one.deploys.rollback(id, 'U1', { channel: 'C01' })).toMatchObject({ ok: true, isShown: true });
    expect(done).toEqual(['one deploys', 'one rolls back']);
  });

  test('is not answered as failed, where the record cannot be read: the next process carries it out', async () => {
    const one = copy('one', { store: losing(true) });
    const id = await planned(one);
    await one.deploys.deploy(id, 'U1', 'C01');
    expect(await one.deploys.rollback(id, 'U1', { channel: 'C01' })).toMatchObject({
      ok: false,
      refusal: { reason: 'deploy-unclear' },
    });
    const two = copy('two');
    two.deploys.standBy();
    await until(async () => ends().length > 1, two.clock);
    expect(done).toEqual(['one deploys', 'two rolls back']);
  });
});

describe('the end of a deploy that is not shown yet', () => {
  test('is shown although a rollback begins and ends meanwhile', async () => {
    slackIsDown();
    const one = copy('one');
    const id = await planned(one);
    await one.deploys.deploy(id, 'U1', 'C01');
    whenShown(async () => {});
    events.length = 0;
    const two = copy('two');
    await two.clock.advance(1_000);
    expect(await two.deploys.rollback(id, 'U2', { channel: 'C02' })).toMatchObject({ ok: true });
    two.deploys.standBy();
    await settled(two);
    expect(shown()).toEqual(['rollback finished', 'deploy finished not-shown']);
    expect(ends().map(({ deploy }) => deploy.channel)).toEqual(['C02', 'C01']);
    expect(await openDeploys()).toEqual([]);
  });

  test('is shown although the process of a rollback dies before that begins', async () => {
    slackIsDown();
    const one = copy('one');
    const id = await planned(one);
    await one.deploys.deploy(id, 'U1', 'C01');
    await one.clock.advance(1_000);
    const dying = storeWith(async (_, { state }) => {
      if (state === 'rolling-back') throw new Error('the process dies');
    });
    const begin = { state: 'rolling-back', begunAt: one.clock.now(), at: one.clock.now() } as const;
    await expect(dying.begin(id, ['deployed'], begin)).rejects.toThrow('the process dies');
    whenShown(async () => {});
    events.length = 0;
    const two = copy('two');
    two.deploys.standBy();
    await settled(two);
    expect(shown()).toEqual(['deploy finished not-shown']);
    expect(await openDeploys()).toEqual([]);
  });

  test('is shown although a process that was frozen at the beginning of another rollback continues', async () => {
    const one = copy('one');
    const id = await planned(one);
    await one.deploys.deploy(id, 'U1', 'C01');
    const frozen = Promise.withResolvers<void>();
    const reached = Promise.withResolvers<void>();
    const three = copy('three', {
      store: storeWith(async (sk, { ended }) => {
        if (!sk.startsWith('open#') || ended !== undefined) return;
        reached.resolve();
        await frozen.promise;
      }),
    });
    const first = three.deploys.rollback(id, 'U1', { channel: 'C01' });
    await reached.promise;
    slackIsDown();
    const two = copy('two');
    await until(async () => (await two.deploys.rollback(id, 'U2', { channel: 'C02' })).ok, two.clock);
    frozen.resolve();
    expect(await first).toMatchObject({ ok: false, refusal: { reason: 'deploy-gone' } });
    whenShown(async () => {});
    events.length = 0;
    const four = copy('four');
    four.deploys.standBy();
    await settled(four);
    expect(ends()).toMatchObject([{ deploy: { kind: 'rollback', channel: 'C02' }, late: 'not-shown' }]);
    expect(await openDeploys()).toEqual([]);
  });

  test('is shown once where a second person pressed Deploy, here or in another process, while it was in progress', async () => {
    const work = held('one');
    const slack = Promise.withResolvers<void>();
    whenShown(({ kind }) => (kind === 'ended' ? slack.promise : Promise.resolve()));
    const one = copy('one', { carryOut: work.carryOut });
    const two = copy('two');
    for (const { deploys } of [one, two]) deploys.standBy();
    const id = await planned(one);
    const first = one.deploys.deploy(id, 'U1', 'C01');
    await work.begun;
    expect(await one.deploys.deploy(id, 'U2', 'C01')).toMatchObject({ refusal: { reason: 'step-active' } });
    expect(await two.deploys.deploy(id, 'U2', 'C01')).toMatchObject({ refusal: { reason: 'busy' } });
    work.finish();
    await until(async () => ends().length > 0, one.clock);
    for (const { clock } of [one, two]) await clock.advance(12_000);
    slack.resolve();
    expect(await first).toMatchObject({ ok: true });
    expect(shown()).toEqual(['deploy finished']);
  });
});

describe('a shutdown', () => {
  test('does not wait for a Slack that does not answer, and the next process shows the end', async () => {
    const slack = Promise.withResolvers<void>();
    whenShown(({ kind }) => (kind === 'ended' ? slack.promise : Promise.resolve()));
    const one = copy('one');
    const id = await planned(one);
    void one.deploys.deploy(id, 'U1', 'C01');
    await until(async () => ends().length > 0, one.clock);
    let isDown = false;
    const shutDown = one.deploys.shutDown().then(() => {
      isDown = true;
    });
    await until(async () => isDown, one.clock);
    await shutDown;
    whenShown(async () => {});
    events.length = 0;
    const two = copy('two');
    two.deploys.standBy();
    await settled(two);
    expect(shown()).toEqual(['deploy finished not-shown']);
    slack.resolve();
  });

  test('begins nothing', async () => {
    const one = copy('one');
    const id = await planned(one);
    await one.deploys.shutDown();
    expect(await one.deploys.deploy(id, 'U1', 'C01')).toEqual({ ok: false, refusal: { reason: 'shutting-down' } });
    expect(await stateOf(id)).toBe('planned');
  });
});

test('a deploy that an older version began has one identity in all its events, and is closed', async () => {
  const one = copy('one');
  const id = await planned(one);
  await table.create({ pk: 'deploys#fn', sk: `open#${id}` }, { id });
  await table.update({ pk: `deploy#${id}`, sk: 'deploy' }, { set: { state: 'deploying', at: 5, channel: 'C01' } });
  await table.update({ pk: 'pipeline#fn', sk: 'deploy' }, { set: { id } });
  const two = copy('two', {
    async carryOut({ next }, { onStage }) {
      onStage('code');
      return { codeSha256: next.codeSha256 };
    },
  });
  two.deploys.standBy();
  await until(async () => ends().length > 0 && (await openDeploys()).length === 0, two.clock);
  await settled(two);
  expect(events).toMatchObject([
    { kind: 'stage', deploy: { at: 5 } },
    { kind: 'ended', deploy: { at: 5 }, late: 'interrupted' },
  ]);
});
