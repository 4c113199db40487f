import { describe, expect, test } from 'vitest';
import { createDeployStore, type DeployStore } from '../../../src/checklist/deploy/deploy-store.ts';
import { DeployRefusedError } from '../../../src/pipeline/package/deploy-errors.ts';
import {
  asOneCall,
  audit,
  copy,
  done,
  ends,
  events,
  freshForEachTest,
  held,
  openDeploys,
  planned,
  stateOf,
  stepNow,
  stopWatching,
  store,
  table,
  until,
  whenShown,
  world,
} from './deploys-rig.ts';

freshForEachTest();

/** The deploy or rollback that has begun. */
function deployOf(kind: 'deploy' | 'rollback') {
  const begun = events.find((event) => event.kind === 'begun' && event.deploy.kind === kind);
  if (begun?.kind !== 'begun') throw new Error(`No ${kind} has begun.`);
  return begun.deploy;
}

describe('an end whose write is stored and whose reply is lost', () => {
  /** A store that loses the reply to the write of this state, and with `isUnread` fails the read after it. */
  function losing(state: string, isUnread: boolean): DeployStore {
    let isLost = false;
    return {
      ...store,
      async change(record, set) {
        const changed = await store.change(record, set);
        if (set.state !== state || isLost) return changed;
        isLost = true;
        throw new Error('connect ECONNRESET');
      },
      async read(id) {
        if (isLost && isUnread) {
          isUnread = false;
          throw new Error('connect ECONNRESET');
        }
        return store.read(id);
      },
    };
  }

  test.each([false, true])(
    'is shown and in the audit as it is stored (the read after it fails: %s)',
    async (isUnread) => {
      const one = copy('one', { store: losing('deployed', isUnread) });
      const id = await planned(one);
      const deployed = one.deploys.deploy(id, 'U1', 'C01');
      await until(async () => ends().length === 1, one.clock);
      expect(await deployed).toMatchObject({ ok: true });
      const two = copy('two', { store: losing('rolled-back', isUnread) });
      const rolledBack = two.deploys.rollback(id, 'U1');
      await until(async () => ends().length === 2, two.clock);
      expect(await rolledBack).toMatchObject({ ok: true });
      expect(ends().map(({ deploy, end }) => `${deploy.kind} ${end.kind}`)).toEqual([
        'deploy finished',
        'rollback finished',
      ]);
      const outcomes = audit.written.filter(({ what }) => what.includes(id)).map(({ outcome }) => outcome);
      expect(outcomes.filter((outcome) => outcome.startsWith('finished'))).toHaveLength(2);
      expect(outcomes.filter((outcome) => /^(?:failed|refused)/.test(outcome))).toEqual([]);
    },
  );
});

describe('an interrupted deploy', () => {
  test('a deploy whose process died is finished once by another process, after its lease expired', async () => {
    const work = held('one');
    const one = copy('one', { carryOut: work.carryOut });
    const id = await planned(one);
    const first = one.deploys.deploy(id, 'U1');
    await work.begun;
    // Its clock does not advance from here on, so it does not renew its lease.
    const [two, three] = [copy('two'), copy('three')];
    two.deploys.standBy();
    three.deploys.standBy();
    await until(async () => {
      await three.clock.advance(250);
      return (await stateOf(id)) === 'deployed';
    }, two.clock);
    await two.clock.advance(30_000);
    await three.clock.advance(30_000);
    expect(done[0]).toBe('one deploys');
    expect(done.slice(1)).toHaveLength(1);
    expect(await stepNow()).toMatchObject({ step: 'deploy', state: 'done', by: 'U1' });
    // The first process was only slow.
    await one.clock.advance(30_000);
    expect(await first).toMatchObject({ ok: false, refusal: { reason: 'interrupted' } });
  });

  test('a deploy is not taken over from a process that is alive', async () => {
    const work = held('one');
    const one = copy('one', { carryOut: work.carryOut });
    const id = await planned(one);
    const first = one.deploys.deploy(id, 'U1');
    await work.begun;
    const two = copy('two');
    two.deploys.standBy();
    for (let step = 0; step < 60; step++) {
      await one.clock.advance(250);
      await two.clock.advance(250);
    }
    expect(done).toEqual(['one deploys']);
    work.finish();
    expect(await first).toMatchObject({ ok: true });
    expect(await stateOf(id)).toBe('deployed');
  });

  test('a deploy or a rollback that is not finished cannot be rolled back, and the answer says that it is in progress', async () => {
    const deploying = held('one');
    const rolling = held('one');
    const one = copy('one', { carryOut: deploying.carryOut, rollBack: rolling.carryOut });
    const id = await planned(one);
    const inProgress = { ok: false, refusal: { reason: 'step-active' } };
    const deployed = one.deploys.deploy(id, 'U1');
    await deploying.begun;
    expect(await copy('two').deploys.planRollback()).toEqual(inProgress);
    deploying.finish();
    await deployed;
    const rolledBack = one.deploys.rollback(id, 'U1');
    await rolling.begun;
    expect(await copy('two').deploys.planRollback()).toEqual(inProgress);
    rolling.finish();
    await rolledBack;
    const rolledBackAt = (await store.read(id))?.at;
    expect(rolledBackAt).toEqual(expect.any(Number));
    expect(await copy('two').deploys.planRollback()).toEqual({
      ok: false,
      refusal: { reason: 'nothing-deployed', rolledBackAt },
    });
  });

  test('a deploy is left unfinished by a shutdown, and finished at the next start', async () => {
    const work = held('one');
    const one = copy('one', { carryOut: work.carryOut });
    const id = await planned(one);
    const first = one.deploys.deploy(id, 'U1', 'C01');
    await work.begun;
    await one.deploys.shutDown();
    expect(await first).toMatchObject({ ok: false, refusal: { reason: 'interrupted' } });
    expect(await stateOf(id)).toBe('deploying');
    expect(await stepNow()).toMatchObject({ step: 'deploy', state: 'failed', found: { kind: 'interrupted' } });
    const two = copy('two');
    two.deploys.standBy();
    await until(async () => (await stateOf(id)) === 'deployed', two.clock);
    expect(done).toEqual(['one deploys', 'two deploys']);
    expect(await stepNow()).toMatchObject({ step: 'deploy', state: 'done' });
    await until(async () => (await openDeploys()).length === 0, two.clock);
    // The requester's process is gone, so the end is shown as one that another process found.
    expect(ends()).toMatchObject([
      { deploy: { id, kind: 'deploy', by: 'U1', channel: 'C01' }, end: { kind: 'finished' }, late: 'interrupted' },
    ]);
    expect(await openDeploys()).toEqual([]);
    expect(audit.written.filter(({ what }) => what === `deploy ${id}`)).toMatchObject([
      { who: 'U1', outcome: expect.stringMatching(/^begun: code /) },
      { who: 'bot', outcome: 'interrupted: the bot stopped' },
      { who: 'bot', outcome: 'resumed: it was not finished' },
      { who: 'U1', outcome: expect.stringMatching(/^finished: code .*, published as version 2$/) },
    ]);
  });

  test('a deploy that another process finished meanwhile is not carried out again', async () => {
    const work = held('one');
    const one = copy('one', { carryOut: work.carryOut });
    const id = await planned(one);
    const first = one.deploys.deploy(id, 'U1');
    await work.begun;
    await one.deploys.shutDown();
    await first;
    const [two, three] = [copy('two'), copy('three')];
    world.meanwhile = async () => {
      three.deploys.standBy();
      await until(async () => (await stateOf(id)) === 'deployed', three.clock);
      // Until it has released the lease.
      await three.deploys.shutDown();
    };
    two.deploys.standBy();
    await until(async () => (await stateOf(id)) === 'deployed', two.clock);
    // Until its check has ended.
    await two.deploys.shutDown();
    expect(done).toEqual(['one deploys', 'three deploys']);
  });

  test('an interrupted deploy waits until the run has ended', async () => {
    const work = held('one');
    const one = copy('one', { carryOut: work.carryOut });
    const id = await planned(one);
    const first = one.deploys.deploy(id, 'U1');
    await work.begun;
    await one.deploys.shutDown();
    await first;
    world.run = 'r-0001';
    const two = copy('two');
    two.deploys.standBy();
    await two.clock.advance(30_000);
    expect(done).toEqual(['one deploys']);
    // The message says once what the deploy waits for.
    await until(async () => events.length > 2, two.clock);
    await two.clock.advance(30_000);
    expect(events.filter((event) => event.kind === 'interrupted')).toMatchObject([
      { deploy: { id } },
      { deploy: { id }, until: { reason: 'run-active', runId: 'r-0001' } },
    ]);
    delete world.run;
    await until(async () => (await stateOf(id)) === 'deployed', two.clock);
  });

  test('an interrupted rollback is finished as a rollback', async () => {
    const one = copy('one', {
      rollBack: (_, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const id = await planned(one);
    await one.deploys.deploy(id, 'U1');
    const back = one.deploys.rollback(id, 'U1', { keeps: 'the team’s' });
    await until(async () => (await stepNow())?.state === 'running', one.clock);
    await one.deploys.shutDown();
    await back;
    expect(await stateOf(id)).toBe('rolling-back');
    const two = copy('two');
    two.deploys.standBy();
    await until(async () => (await stateOf(id)) === 'rolled-back', two.clock);
    expect(done).toEqual(['one deploys', 'two rolls back around the team’s']);
  });

  test('an interrupted deploy that is refused is not tried again', async () => {
    const work = held('one');
    const one = copy('one', { carryOut: work.carryOut });
    const id = await planned(one);
    const first = one.deploys.deploy(id, 'U1');
    await work.begun;
    await one.deploys.shutDown();
    await first;
    let tries = 0;
    const two = copy('two', {
      async carryOut() {
        tries++;
        throw new DeployRefusedError({ reason: 'changed-since-preview', expected: 'a', found: 'b' });
      },
    });
    two.deploys.standBy();
    await until(async () => (await stateOf(id)) === 'failed', two.clock);
    await two.clock.advance(30_000);
    expect(tries).toBe(1);
  });

  test('an end that Slack does not accept is shown again until it does, by the next process where this one dies', async () => {
    let isUp = false;
    whenShown(async ({ kind }) => {
      if (kind === 'ended' && !isUp) throw new Error('Slack is down');
    });
    const one = copy('one');
    const id = await planned(one);
    expect(await one.deploys.deploy(id, 'U1', 'C01')).toMatchObject({ ok: true, isShown: true });
    await one.deploys.shutDown();
    const two = copy('two');
    two.deploys.standBy();
    await until(async () => ends().length > 2, two.clock);
    isUp = true;
    await until(async () => (await openDeploys()).length === 0, two.clock);
    const shown = ends().length;
    await two.clock.advance(60_000);
    expect(ends()).toHaveLength(shown);
    expect(ends().at(-1)).toMatchObject({ deploy: { id }, end: { kind: 'finished' }, late: 'not-shown' });
    expect(done).toEqual(['one deploys']);
  });

  test('a rollback that ends while its process shuts down is shown before the shutdown ends', async () => {
    const work = held('one');
    const one = copy('one', {
      rollBack: asOneCall(work.carryOut),
    });
    const id = await planned(one);
    await one.deploys.deploy(id, 'U1', 'C01');
    const rolledBack = one.deploys.rollback(id, 'U1', { channel: 'C01' });
    await work.begun;
    // Its last call of AWS was sent before.
    const shutDown = one.deploys.shutDown();
    work.finish();
    await shutDown;
    expect(ends().at(-1)).toMatchObject({ deploy: { id, kind: 'rollback' }, end: { kind: 'finished' } });
    expect(await openDeploys()).toEqual([]);
    expect(await rolledBack).toMatchObject({ ok: true, isShown: true });
  });

  test('an end that nobody shows is shown by the next process', async () => {
    const one = copy('one');
    const id = await planned(one);
    stopWatching();
    expect(await one.deploys.deploy(id, 'U1', 'C01')).toMatchObject({ ok: true });
    await one.deploys.shutDown();
    expect(ends()).toEqual([]);
    const two = copy('two');
    two.deploys.standBy();
    await until(async () => ends().length > 0, two.clock);
    expect(ends()).toMatchObject([{ deploy: { id, kind: 'deploy' }, end: { kind: 'finished' }, late: 'not-shown' }]);
  });

  test('a process that dies before the rollback begins leaves the deploy as it was shown', async () => {
    const one = copy('one');
    const id = await planned(one);
    await one.deploys.deploy(id, 'U1', 'C01');
    const dying = createDeployStore(
      {
        ...table,
        async update(key, change, condition) {
          if (change.set?.state === 'rolling-back') throw new Error('the process dies');
          return table.update(key, change, condition);
        },
      },
      'fn',
    );
    await one.clock.advance(1_000);
    const begin = { state: 'rolling-back', begunAt: one.clock.now(), at: one.clock.now() } as const;
    await expect(dying.begin(id, ['deployed'], begin)).rejects.toThrow('the process dies');
    expect(await openDeploys()).toMatchObject([{ record: { id, state: 'deployed' }, hasBegun: false }]);
    const two = copy('two');
    two.deploys.standBy();
    await until(async () => (await openDeploys()).length === 0, two.clock);
    expect(ends()).toHaveLength(1);
    expect(await stateOf(id)).toBe('deployed');
  });

  test('a rollback that begins while the end of the deploy is not shown yet keeps its own end and its own message', async () => {
    const work = held('two');
    const two = copy('two', { rollBack: work.carryOut });
    let rolledBack: Promise<unknown> | undefined;
    const one = copy('one', {
      store: {
        ...store,
        async read(id) {
          if (!rolledBack && (await stateOf(id)) === 'deployed') {
            await two.clock.advance(1_000);
            rolledBack = two.deploys.rollback(id, 'U2', { channel: 'C02' });
            await work.begun;
          }
          return store.read(id);
        },
        async setMessage(id, begunAt, message) {
          if (rolledBack) await two.deploys.setMessage(deployOf('rollback'), { channel: 'C02', ts: '2.0' });
          await store.setMessage(id, begunAt, message);
        },
      },
    });
    const id = await planned(one);
    expect(await one.deploys.deploy(id, 'U1', 'C01')).toMatchObject({ ok: true });
    // The message of the deploy is posted late.
    await one.deploys.setMessage(deployOf('deploy'), { channel: 'C01', ts: '1.0' });
    expect(await store.read(id)).toMatchObject({ state: 'rolling-back', message: { ts: '2.0' } });
    expect(await Array.fromAsync(table.list('deploys#fn'))).toMatchObject([{ id, begunAt: deployOf('rollback').at }]);
    work.finish();
    await rolledBack;
    const said = ends().map(({ deploy: { kind, channel } }) => `${kind} in ${channel}`);
    expect(said).toEqual(['deploy in C01', 'rollback in C02']);
    expect(await openDeploys()).toEqual([]);
  });

  test('a process that dies before the deploy begins leaves nothing', async () => {
    const one = copy('one');
    const id = await planned(one);
    await table.create({ pk: 'deploys#fn', sk: `open#${id}` }, { id });
    one.deploys.standBy();
    await until(async () => (await openDeploys()).length === 0, one.clock);
    expect(done).toEqual([]);
    expect(await stateOf(id)).toBe('planned');
    expect(events).toEqual([]);
  });

  test('a deploy that an older version began is finished', async () => {
    const one = copy('one');
    const id = await planned(one);
    await table.update({ pk: `deploy#${id}`, sk: 'deploy' }, { set: { state: 'deploying', at: 1 } });
    await table.update({ pk: 'pipeline#fn', sk: 'deploy' }, { set: { id } });
    one.deploys.standBy();
    await until(async () => ends().length > 0, one.clock);
    expect(await stateOf(id)).toBe('deployed');
    expect(ends()).toMatchObject([{ deploy: { id, kind: 'deploy' }, late: 'interrupted' }]);
  });
});

describe('a package that cannot be loaded', () => {
  const broken = { reason: 'not-loadable', errorType: 'Runtime.ImportModuleError', message: 'no' } as const;
  const carryOut = async () => {
    throw new DeployRefusedError(broken);
  };

  test('is rolled back by the bot, and the deploy before stays the one to roll back', async () => {
    const one = copy('one');
    const first = await planned(one);
    await one.deploys.deploy(first, 'U1');
    const two = copy('two', { carryOut });
    const second = await planned(two);
    expect(await two.deploys.deploy(second, 'U1', 'C01')).toMatchObject({
      ok: false,
      refusal: { reason: 'deploy', refusal: broken, undone: 'undone' },
      isShown: true,
    });
    expect(done).toEqual(['one deploys', 'two rolls back']);
    expect(await stateOf(second)).toBe('undone');
    expect(await two.deploys.planRollback()).toMatchObject({ ok: true, value: { id: first } });
    expect(await stepNow()).toMatchObject({
      state: 'failed',
      found: { kind: 'deploy-refused', reason: 'not-loadable' },
    });
    expect(events.filter(({ kind }) => kind === 'stage')).toMatchObject([{ stage: 'undoing' }]);
    expect(audit.written.filter(({ what }) => what === `deploy ${second}`).map(({ outcome }) => outcome)).toEqual([
      expect.stringMatching(/^begun: /),
      'failed: not-loadable; the bot rolls it back',
      expect.stringMatching(/^failed: not-loadable; rolled back by the bot to code /),
    ]);
  });

  test('is rolled back by the next process where this one dies during that', async () => {
    const one = copy('one', {
      carryOut,
      rollBack: (_, { signal }) =>
        new Promise((_resolve, reject) => signal.addEventListener('abort', () => reject(signal.reason))),
    });
    const id = await planned(one);
    const first = one.deploys.deploy(id, 'U1', 'C01');
    await until(async () => (await stateOf(id)) === 'undoing', one.clock);
    await one.deploys.shutDown();
    await first;
    const two = copy('two');
    two.deploys.standBy();
    await until(async () => (await stateOf(id)) === 'undone', two.clock);
    await until(async () => ends().length > 0, two.clock);
    // It is not deployed again.
    expect(done).toEqual(['two rolls back']);
    expect(ends().at(-1)).toMatchObject({
      end: { kind: 'failed', refusal: { refusal: broken, undone: 'undone' } },
      late: 'interrupted',
    });
  });

  test('stays in effect where the rollback is refused, and says so; a person can roll it back', async () => {
    let refusals = 1;
    const one = copy('one', {
      carryOut,
      async rollBack({ former }) {
        if (refusals-- > 0) throw new DeployRefusedError({ reason: 'update-in-progress' });
        return { codeSha256: former.codeSha256 };
      },
    });
    const id = await planned(one);
    expect(await one.deploys.deploy(id, 'U1')).toMatchObject({
      ok: false,
      refusal: { refusal: broken, undone: { failed: { reason: 'deploy', refusal: { reason: 'update-in-progress' } } } },
    });
    expect(await stateOf(id)).toBe('failed');
    expect(await one.deploys.planRollback()).toMatchObject({ ok: true, value: { id } });
    expect(await one.deploys.rollback(id, 'U1')).toMatchObject({ ok: true });
  });
});

describe('the audit', () => {
  test('a deploy that cannot be in the audit log does not happen', async () => {
    const one = copy('one');
    const id = await planned(one);
    audit.fail(new Error('no audit'));
    expect(await one.deploys.deploy(id, 'U1')).toMatchObject({ ok: false, refusal: { reason: 'fault' } });
    expect(done).toEqual([]);
    expect(await stateOf(id)).toBe('refused');
  });
});
