import { LambdaClient } from '@aws-sdk/client-lambda';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { createApprovalStore } from '../../../src/approvals/approval-store.ts';
import { createDeployStore } from '../../../src/checklist/deploy/deploy-store.ts';
import { createDeploys, type Deploys } from '../../../src/checklist/deploy/deploys.ts';
import { createWrapperNotes } from '../../../src/checklist/deploy/wrapper-watch.ts';
import { readDeployFacts } from '../../../src/pipeline/package/deploy-facts.ts';
import { readWrapperState } from '../../../src/pipeline/package/function-package.ts';
import { carryOutDeploy, carryOutRollback } from '../../../src/pipeline/package/function-update.ts';
import { createDeployThread } from '../../../src/slack/threads/deploy-thread.ts';
import { createLease } from '../../../src/state/lease.ts';
import { type DeployRig, startDeployRig } from '../../pipeline/package/deploy-rig.ts';
import { FAULTS_TIMEOUT_MS, pointsOf } from '../../support/fault-forms.ts';
import { createMemoryAudit } from '../../support/memory/memory-audit.ts';
import { createMemoryControlTable } from '../../support/memory/memory-control-table.ts';
import { createFakeClock } from '../../support/rigs/fake-clock.ts';

const LEASE_MS = 2_000;
let rig: DeployRig;
beforeEach(async () => {
  rig = await startDeployRig();
});
afterEach(() => rig.close());

const never = new Promise<never>(() => {});
/** A client whose process dies at its call number `at`: before the call is sent, or after the answer. */
function dyingClient(at: number, when: 'before' | 'after') {
  const client = new LambdaClient({});
  let calls = 0;
  let die = () => {};
  const dead = new Promise<void>((resolve) => {
    die = resolve;
  });
  client.middlewareStack.add(
    (next) => async (args) => {
      calls++;
      if (calls > at || (calls === at && when === 'before')) {
        die();
        return never;
      }
      const reply = await next(args);
      if (calls < at) return reply;
      die();
      return never;
    },
    { step: 'initialize' },
  );
  return { client, dead };
}

/** What people see in Slack: the messages by their ts, as they are after the last edit. */
function memorySlack() {
  const messages = new Map<string, string>();
  let isUp = true;
  const chat = {
    async post(_: string, { text }: { text: string }) {
      if (!isUp) return never;
      const ts = String(messages.size + 1);
      messages.set(ts, text);
      return ts;
    },
    async edit({ ts }: { ts: string }, { text }: { text: string }) {
      if (!isUp) return never;
      messages.set(ts, text);
    },
  };
  return {
    chat,
    messages,
    setUp(up: boolean) {
      isUp = up;
    },
  };
}

const openClients: LambdaClient[] = [];
afterEach(() => {
  for (const client of openClients.splice(0)) client.destroy();
});

/** A process of the bot on the control table `table`. It is dead while its clock does not advance and its client hangs. */
function copy(
  name: string,
  {
    table,
    slack,
    lambda,
  }: {
    table: ReturnType<typeof createMemoryControlTable>['table'];
    slack: Pick<ReturnType<typeof memorySlack>, 'chat'>;
    lambda: LambdaClient;
  },
) {
  const clock = createFakeClock(Date.parse('2026-11-24T12:00:00Z'));
  const ports = { ...rig.ports, lambda };
  const audit = createMemoryAudit();
  const deploys: Deploys = createDeploys({
    store: createDeployStore(table, 'fn'),
    approvals: createApprovalStore(table, 'fn#deploys'),
    readFacts: (plan) => readDeployFacts({ lambda, location: rig.location }, plan),
    wrapper: {
      notes: createWrapperNotes(table, 'fn'),
      readWrapper: (plan, known) => readWrapperState({ lambda }, plan, known),
    },
    policy: 'second-person',
    approvalMs: 15 * 60_000,
    clock,
    audit,
    checklist: { begin: async () => ({ end: async () => {}, leave: async () => {} }), disprove: async () => {} },
    exclusive: {
      lease: createLease({ table, name: 'fn', holder: name, durationMs: LEASE_MS, clock }),
      activeRun: async () => undefined,
      currentJob: async () => undefined,
      stopFile: '/tmp/STOP',
      stopFileExists: async () => false,
    },
    plan: () => rig.plan(),
    carryOut: (plan, { onStage, signal }) => carryOutDeploy({ ...ports, signal }, plan, onStage),
    rollBack: (plan, { onStage, signal, keeps }) => carryOutRollback({ ...ports, signal }, plan, onStage, keeps),
    previewRollback: async () => ({}),
    codeSha256: async () => 'unknown',
    readFault: (error) => ({ reason: 'configuration', message: String(error), fix: '' }),
    warn: () => {},
  });
  const thread = createDeployThread({
    chat: slack.chat,
    deploys,
    alerts: { put: async () => {} },
    whoApproves: { policy: 'second-person', approvers: ['U2'] },
    onError: () => {},
  });
  deploys.watch(thread.handle);
  return { deploys, clock, audit };
}

async function restartUntilClosed(
  one: { table: ReturnType<typeof createMemoryControlTable>['table'] },
  two: ReturnType<typeof copy>,
) {
  const store = createDeployStore(one.table, 'fn');
  two.deploys.standBy();
  for (let look = 0; look < 400; look++) {
    if ((await Array.fromAsync(store.open())).length === 0) return;
    await two.clock.advance(250);
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error('The deploy was never closed.');
}

/** Kills the first process at call `at`; whether it got that far. */
async function killAt(at: number, when: 'before' | 'after', isSlackUp: boolean): Promise<boolean> {
  const { table } = createMemoryControlTable();
  const slack = memorySlack();
  const { client, dead } = dyingClient(at, when);
  openClients.push(client);
  const one = copy('one', { table, slack, lambda: client });
  const planned = await one.deploys.plan('U1');
  if (!planned.ok) throw new Error('refused', { cause: planned });
  const { id, plan } = planned.value;
  slack.setUp(isSlackUp);
  const finished = one.deploys.deploy(id, 'U1', 'C1').then(() => 'finished');
  if ((await Promise.race([dead, finished])) === 'finished') return false;
  // Whatever is visible now is true of a deploy that is not over.
  for (const text of slack.messages.values()) expect(text).toMatch(/was requested by|is in progress/);
  slack.setUp(true);
  const two = copy('two', { table, slack, lambda: rig.clients.lambda });
  await restartUntilClosed({ table }, two);
  expect(await rig.current()).toMatchObject({ handler: plan.next.handler, codeSha256: plan.next.codeSha256 });
  const texts = [...slack.messages.values()];
  expect(texts.filter((text) => text.startsWith('Failure logging is deployed.'))).toHaveLength(1);
  expect(texts.filter((text) => /in progress/.test(text))).toEqual([]);
  expect(two.audit.written.map(({ outcome }) => outcome)).toEqual([
    'resumed: it was not finished',
    expect.stringMatching(/^finished: code /),
  ]);
  await two.deploys.shutDown();
  return true;
}

test.each(['before', 'after'] as const)(
  'a deploy whose process dies %s any of its calls to Lambda is finished at the next start, and its message says so',
  async (when) => {
    let last = 0;
    for (const at of pointsOf(3)) {
      last = at;
      if (!(await killAt(at, when, true))) break;
      await rig.close();
      rig = await startDeployRig();
      await killAt(at, when, false);
      await rig.close();
      rig = await startDeployRig();
    }
    // Publish twice, code, configuration, and the reads in between.
    expect(last).toBeGreaterThan(8);
  },
  FAULTS_TIMEOUT_MS,
);
