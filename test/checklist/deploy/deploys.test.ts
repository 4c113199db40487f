import { describe, expect, test } from 'vitest';
import { FaultError } from '../../../src/pipeline/fault.ts';
import { DeployRefusedError } from '../../../src/pipeline/package/deploy-errors.ts';
import { createLease } from '../../../src/state/lease.ts';
import { flushJob } from '../../support/messages/table-builders.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';
import {
  checklistStore,
  copy,
  DENIED,
  done,
  freshForEachTest,
  held,
  LEASE_MS,
  PLAN,
  planned,
  stateOf,
  stepNow,
  store,
  table,
  world,
} from './deploys-rig.ts';

freshForEachTest();

describe('a deploy', () => {
  test('a deploy is carried out once, is recorded as a step, and removes the proof of the logging', async () => {
    const one = copy('one');
    await one.checklist.prove('logging', { by: 'U1', codeSha256: 'former' });
    const id = await planned(one);
    expect(await one.deploys.deploy(id, 'U2')).toEqual({
      isShown: true,
      ok: true,
      value: { codeSha256: PLAN.next.codeSha256, versionBefore: '1', versionAfter: '2' },
    });
    expect(await stepNow()).toMatchObject({
      step: 'deploy',
      state: 'done',
      by: 'U2',
      found: { kind: 'deploy', codeSha256: PLAN.next.codeSha256, inPlace: false },
    });
    expect(await checklistStore.proof('logging')).toBeUndefined();
    expect(await one.deploys.deploy(id, 'U2')).toEqual({ ok: false, refusal: { reason: 'deploy-gone' } });
    expect(done).toEqual(['one deploys']);
  });

  test('a deploy without a plan is refused', async () => {
    const one = copy('one');
    expect(await one.deploys.deploy('d-never', 'U1')).toEqual({ ok: false, refusal: { reason: 'deploy-gone' } });
    expect(done).toEqual([]);
    expect(await stepNow()).toBeUndefined();
    expect(await one.deploys.planRollback()).toEqual({ ok: false, refusal: { reason: 'nothing-deployed' } });
  });

  test('a planned deploy changes nothing, and cannot be rolled back', async () => {
    const one = copy('one');
    const id = await planned(one);
    expect(done).toEqual([]);
    expect(await one.deploys.planRollback()).toEqual({ ok: false, refusal: { reason: 'nothing-deployed' } });
    expect(await one.deploys.rollback(id, 'U1')).toEqual({ ok: false, refusal: { reason: 'deploy-gone' } });
  });

  test('a deploy is refused during a run, a flush or with a stop file, and carried out after that', async () => {
    const one = copy('one');
    const id = await planned(one);
    world.run = 'r-0001';
    expect(await one.deploys.deploy(id, 'U1')).toEqual({
      ok: false,
      refusal: { reason: 'run-active', runId: 'r-0001' },
    });
    delete world.run;
    world.job = flushJob();
    expect(await one.deploys.deploy(id, 'U1')).toMatchObject({ ok: false, refusal: { reason: 'job-active' } });
    delete world.job;
    world.stopFile = true;
    expect(await one.deploys.deploy(id, 'U1')).toEqual({
      ok: false,
      refusal: { reason: 'stop-file', path: '/tmp/STOP' },
    });
    expect(done).toEqual([]);
    world.stopFile = false;
    expect(await one.deploys.deploy(id, 'U1')).toMatchObject({ ok: true });
  });

  test('a running deploy excludes other work on the pipeline', async () => {
    const work = held('one');
    const one = copy('one', { carryOut: work.carryOut });
    const [id, other] = [await planned(one), await planned(one)];
    const first = one.deploys.deploy(id, 'U1');
    await work.begun;
    const refused = { ok: false, refusal: { reason: 'step-active' } };
    expect(await one.deploys.deploy(id, 'U2')).toEqual(refused);
    expect(await one.deploys.deploy(other, 'U2')).toEqual(refused);
    const run = createLease({ table, name: 'fn', holder: 'a run', durationMs: LEASE_MS, clock: createFakeClock() });
    expect(await run.acquire()).toMatchObject({ ok: false, holder: 'one' });
    work.finish();
    expect(await first).toMatchObject({ ok: true });
    expect(await run.acquire()).toMatchObject({ ok: true });
    expect(done).toEqual(['one deploys']);
  });

  test('a deploy that two processes carry out at once is carried out by one of them', async () => {
    const [one, two] = [copy('one'), copy('two')];
    const id = await planned(one);
    const answers = await Promise.all([one.deploys.deploy(id, 'U1'), two.deploys.deploy(id, 'U2')]);
    expect(answers.filter(({ ok }) => ok)).toHaveLength(1);
    expect(done).toHaveLength(1);
    expect(await stateOf(id)).toBe('deployed');
  });

  test('a deploy that fails half-way names the stage, can be rolled back, and is not carried out again', async () => {
    const refusal = { reason: 'update-failed', why: 'no' } as const;
    const one = copy('one', {
      async carryOut(_, { onStage }) {
        onStage('configuration');
        throw new DeployRefusedError(refusal);
      },
    });
    const id = await planned(one);
    expect(await one.deploys.deploy(id, 'U1')).toEqual({
      ok: false,
      refusal: { reason: 'deploy', refusal, reached: 'configuration' },
      isShown: true,
    });
    expect(await stepNow()).toMatchObject({
      step: 'deploy',
      state: 'failed',
      found: { kind: 'deploy-refused', reason: 'update-failed' },
    });
    expect(await one.deploys.deploy(id, 'U1')).toEqual({ ok: false, refusal: { reason: 'deploy-gone' } });
    expect(await one.deploys.planRollback()).toEqual({ ok: true, value: { id, plan: PLAN } });
    expect(await one.deploys.rollback(id, 'U1')).toMatchObject({ ok: true });
  });

  test('a deploy that was refused before it changed anything does not prevent the rollback of the previous one', async () => {
    const refusal = { reason: 'stored-package-gone', key: 'k' } as const;
    const one = copy('one');
    const first = await planned(one);
    await one.deploys.deploy(first, 'U1');
    const two = copy('two', {
      async carryOut(_, { onStage }) {
        onStage('publishing-before');
        throw new DeployRefusedError(refusal);
      },
    });
    const second = await planned(two);
    expect(await two.deploys.deploy(second, 'U1')).toEqual({
      ok: false,
      refusal: { reason: 'deploy', refusal },
      isShown: true,
    });
    expect(await stateOf(second)).toBe('refused');
    expect(await two.deploys.planRollback()).toMatchObject({ ok: true, value: { id: first } });
  });

  test('a deploy without permission names the missing permission', async () => {
    const one = copy('one', {
      async carryOut() {
        throw new FaultError(DENIED);
      },
    });
    const id = await planned(one);
    expect(await one.deploys.deploy(id, 'U1')).toEqual({
      ok: false,
      refusal: { reason: 'fault', fault: DENIED },
      isShown: true,
    });
  });

  test('a deploy whose plan is refused says why, and stores nothing', async () => {
    const one = copy('one', {
      async plan() {
        throw new DeployRefusedError({ reason: 'image-package' });
      },
    });
    expect(await one.deploys.plan('U1')).toEqual({
      ok: false,
      refusal: { reason: 'deploy', refusal: { reason: 'image-package' } },
    });
    expect(await store.last()).toBeUndefined();
  });

  test('a deploy of what is in place keeps the proof, and the rollback to the code before the last real deploy', async () => {
    const one = copy('one');
    const first = await planned(one);
    await one.deploys.deploy(first, 'U1');
    await one.checklist.prove('logging', { by: 'U1', codeSha256: PLAN.next.codeSha256 });
    world.plan = { ...PLAN, former: { ...PLAN.next }, inPlace: true };
    expect(await one.deploys.deploy(await planned(one), 'U1')).toMatchObject({ ok: true });
    expect(await checklistStore.proof('logging')).toMatchObject({ codeSha256: PLAN.next.codeSha256 });
    expect(await one.deploys.planRollback()).toEqual({ ok: true, value: { id: first, plan: PLAN } });
  });
});

describe('a rollback', () => {
  test('a rollback undoes the last deploy once, and removes the proof of the logging', async () => {
    const one = copy('one');
    const id = await planned(one);
    await one.deploys.deploy(id, 'U1');
    await one.checklist.prove('logging', { by: 'U1', codeSha256: PLAN.next.codeSha256 });
    expect(await one.deploys.planRollback()).toEqual({ ok: true, value: { id, plan: PLAN } });
    expect(await one.deploys.rollback(id, 'U2')).toMatchObject({
      ok: true,
      value: { codeSha256: PLAN.former.codeSha256 },
    });
    expect(await stepNow()).toMatchObject({ step: 'deploy', state: 'failed', by: 'U2', found: { kind: 'rollback' } });
    expect(await checklistStore.proof('logging')).toBeUndefined();
    expect(await one.deploys.rollback(id, 'U2')).toEqual({ ok: false, refusal: { reason: 'deploy-gone' } });
    expect(await one.deploys.planRollback()).toMatchObject({ refusal: { reason: 'nothing-deployed' } });
    expect(done).toEqual(['one deploys', 'one rolls back']);
  });

  test('rollbacks of several deploys return step by step to the first code', async () => {
    const one = copy('one');
    const ids = [await planned(one), await planned(one), await planned(one)];
    for (const id of ids) await one.deploys.deploy(id, 'U1');
    for (const id of ids.reverse()) {
      expect(await one.deploys.planRollback()).toMatchObject({ ok: true, value: { id } });
      expect(await one.deploys.rollback(id, 'U1')).toMatchObject({ ok: true });
    }
    const [last] = ids;
    expect(await one.deploys.planRollback()).toEqual({
      ok: false,
      refusal: { reason: 'nothing-deployed', rolledBackAt: (await store.read(last ?? ''))?.at },
    });
  });

  test('a rollback keeps the later code that the preview showed', async () => {
    const one = copy('one');
    const id = await planned(one);
    await one.deploys.deploy(id, 'U1');
    world.found = { keeps: 'the team’s', ocrVersion: '3.0.0' };
    expect(await one.deploys.planRollback()).toMatchObject({ ok: true, value: { id, ...world.found } });
    await one.deploys.rollback(id, 'U1', { keeps: 'the team’s' });
    expect(done).toEqual(['one deploys', 'one rolls back around the team’s']);
  });

  test('a rollback that was refused can be tried again', async () => {
    let refusals = 1;
    const one = copy('one', {
      async rollBack({ former }) {
        if (refusals-- > 0) throw new DeployRefusedError({ reason: 'update-in-progress' });
        return { codeSha256: former.codeSha256 };
      },
    });
    const id = await planned(one);
    await one.deploys.deploy(id, 'U1');
    expect(await one.deploys.rollback(id, 'U1')).toMatchObject({ ok: false, refusal: { reason: 'deploy' } });
    expect(await stateOf(id)).toBe('deployed');
    expect(await one.deploys.rollback(id, 'U1')).toMatchObject({ ok: true });
  });
});
