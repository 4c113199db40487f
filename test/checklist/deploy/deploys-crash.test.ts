import { describe, expect, test } from 'vitest';
import { DeployRefusedError } from '../../../src/pipeline/package/deploy-errors.ts';
import { copy, done, freshForEachTest, held, planned, stateOf, stepNow, told, until, world } from './deploys-rig.ts';

freshForEachTest();

describe('a deploy whose process died', () => {
  test('is brought to its end by another copy, once its right has run out, and by nobody twice', async () => {
    const work = held('one');
    const one = copy('one', { carryOut: work.carryOut });
    const id = await planned(one);
    void one.deploys.deploy(id, 'U1');
    await work.begun;
    // Its clock stands still from here on: it renews nothing.
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

  test('is not taken from a copy that is alive', async () => {
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

  test('is left as it is by a shutdown, and brought to its end at the next start', async () => {
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
    // Who asked for it waits for nothing any more: the channel is told.
    expect(told).toMatchObject([{ kind: 'deploy', by: 'U1', channel: 'C01', answer: { ok: true } }]);
  });

  test('is not carried out again where another copy ended it while this one waited for the right to', async () => {
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
      // Until it has let go of the pipeline.
      await three.deploys.shutDown();
    };
    two.deploys.standBy();
    await until(async () => (await stateOf(id)) === 'deployed', two.clock);
    // Until its look is at its end.
    await two.deploys.shutDown();
    expect(done).toEqual(['one deploys', 'three deploys']);
  });

  test('waits for the run that is in the way', async () => {
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

  test('in the middle of its rollback is rolled back', async () => {
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

  test('and whose end is refused is not tried for ever', async () => {
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
