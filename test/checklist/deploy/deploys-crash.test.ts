import { describe, expect, test } from 'vitest';
import { DeployRefusedError } from '../../../src/pipeline/package/deploy-errors.ts';
import {
  copy,
  done,
  freshForEachTest,
  held,
  planned,
  recovered,
  stateOf,
  stepNow,
  until,
  world,
} from './deploys-rig.ts';

freshForEachTest();

describe('an interrupted deploy', () => {
  test('a deploy whose process died is finished once by another process, after its lease expired', async () => {
    const work = held('one');
    const one = copy('one', { carryOut: work.carryOut });
    const id = await planned(one);
    void one.deploys.deploy(id, 'U1');
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

  test('a deploy is left unfinished by a shutdown, and finished at the next start', async () => {
    const work = held('one');
    const one = copy('one', { carryOut: work.carryOut });
    const id = await planned(one);
    const first = one.deploys.deploy(id, 'U1', 'C01');
    await work.begun;
    await one.deploys.shutDown();
    await first;
    expect(await stateOf(id)).toBe('deploying');
    expect(await stepNow()).toMatchObject({ step: 'deploy', state: 'failed', found: { kind: 'interrupted' } });
    const two = copy('two');
    two.deploys.standBy();
    await until(async () => (await stateOf(id)) === 'deployed', two.clock);
    expect(done).toEqual(['one deploys', 'two deploys']);
    expect(await stepNow()).toMatchObject({ step: 'deploy', state: 'done' });
    // The requester's process is gone, so the result is announced in the channel.
    expect(recovered).toMatchObject([{ kind: 'deploy', by: 'U1', channel: 'C01', answer: { ok: true } }]);
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
});
