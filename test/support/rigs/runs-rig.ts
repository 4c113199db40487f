import { randomUUID } from 'node:crypto';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CreateStateMachineCommand, SFNClient } from '@aws-sdk/client-sfn';
import { z } from 'zod';
import { type LocalAws, startLocalAws } from '../../../sandbox/aws/server.ts';
import { createContext } from '../../../src/app/context.ts';
import { assembleRuns } from '../../../src/app/runs/runs.ts';
import { type Clock, systemClock } from '../../../src/lib/clock.ts';
import { createFollowedClock } from '../../../src/lib/followed-clock.ts';
import { createLogger } from '../../../src/lib/log.ts';
import type { Result } from '../../../src/lib/result.ts';
import { checkBucket, createAwsClients } from '../../../src/pipeline/aws.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import type { Runs } from '../../../src/run/control/runs.ts';
import { stateMachineDefinition } from '../../../src/run/engines/step-functions/definition.ts';
import type { Refusal } from '../../../src/run/model/run-control.ts';
import type { EngineKind, ImageSelection, PaceSetting, RunEvent } from '../../../src/run/model/types.ts';
import { readSettings } from '../../../src/settings.ts';
import { type ControlTable, ControlTableError, openControlTable } from '../../../src/state/table/control-table.ts';
import { controlTableFault } from '../../../src/state/table/prepare-table.ts';
import { HANGS_MS } from '../eventually.ts';
import { createFakeClock, type FakeClock } from './fake-clock.ts';

/** Quotas that do not limit the pace of a test. */
export const WIDE = {
  latencyMs: 20,
  concurrency: { account: 10_000, unreserved: 10_000 },
  quotas: { novaLiteCrossRegionRequestsPerMinute: 60_000 },
};

/** One copy of the bot without Slack. */
export interface Copy {
  readonly runs: Runs;
  readonly events: RunEvent[];
  /** As SIGKILL does: none of its timers fires any more, and no call to the control table leaves or returns. */
  kill(): void;
  /** The number of writes to the control table so far. */
  writes(): number;
  /** Advances the clock until an event of this kind was emitted. */
  listensTo(kind: RunEvent['kind']): Promise<RunEvent>;
}

interface CopyOptions {
  readonly diesAtWrite?: number;
  readonly isStored?: boolean;
  /** The reply of this write to the control table is lost (1 is the first). `refuses`: the table refuses connections from then on. */
  readonly losesReply?: { readonly of: number; readonly refuses?: boolean };
  /** Its machine's clock is ahead of AWS's by this, ms (behind: negative), and the copy follows AWS's as the bot does. */
  readonly machineAheadMs?: number;
}

export interface RunsRig {
  readonly aws: LocalAws;
  /** The clock of every copy. Only the methods of the rig advance it. */
  readonly clock: FakeClock;
  readonly stopFile: string;
  /** The control table as the copies see it: each call takes `delayMs` of the clock, none is answered while it is away, and each fails while it refuses connections. */
  readonly control: { delayMs: number; isAway: boolean; refuses: boolean };
  /** Real time after each 100 ms of the clock, for replies of the local AWS, ms. Raise it with the latency of AWS. */
  realStepMs: number;
  /** `diesAtWrite`: it is killed at this write to the control table (1 is the first), before or after it is stored. */
  copy(settings?: Record<string, string>, options?: CopyOptions): Promise<Copy>;
  /** Plans and starts a run. */
  start(copy: Copy, options?: { selection?: ImageSelection; pace?: PaceSetting }): Promise<string>;
  /** Advances the clock until `work`, which waits for time or for another copy, has settled. */
  during<T>(work: Promise<T>): Promise<T>;
  /** Advances the clock by `ms`, while requests to AWS continue. */
  pass(ms: number): Promise<void>;
  /** Advances the clock until `find` returns a value. */
  until<T>(find: () => Promise<T | undefined> | T | undefined): Promise<T>;
  /** Advances the clock until the present run has `count` outcomes. */
  untilDone(copy: Copy, count: number): Promise<void>;
  invocations(): Promise<{ total: number; counts: number[] }>;
  close(): Promise<void>;
}

export function value<T>(answer: Result<T, Refusal>): T {
  if (!answer.ok) throw new Error(`Refused: ${JSON.stringify(answer.refusal)}`);
  return answer.value;
}

const FAST: PaceSetting = { kind: 'fixed', perMinute: 3_000 };
const countsSchema = z.object({ total: z.number(), byKey: z.record(z.string(), z.number()) });
export const LOCATION = { channel: 'C1', ts: '1.1' };

const STEP_MS = 100;
const LONG_MS = 20_000;
const LONG_STEP_MS = 500;

type Carry = <T>(work: () => Promise<T>) => Promise<T>;
/** The table as a process sees it that may be killed at a call. */
const mortal = (table: ControlTable, call: Carry, write: Carry): ControlTable => ({
  read: (key) => call(() => table.read(key)),
  create: (key, attributes) => write(() => table.create(key, attributes)),
  update: (key, change, condition) => write(() => table.update(key, change, condition)),
  remove: (key, condition) => write(() => table.remove(key, condition)),
  async *list(pk, options) {
    await call(async () => {});
    yield* table.list(pk, options);
  },
});

interface RunsRigOptions {
  readonly images?: number;
  readonly seedTable?: 'full' | 'empty';
  /** The engine of runs; the state machine is installed where it needs one. */
  readonly engine?: EngineKind;
}

/** The delays of retries pass as fast as the clock of the copies, roughly. The waits that keep the pace follow that clock. */
const MACHINE_SPEED = 100;

/** Installs the state machine of this version of the bot. */
export const installStateMachine = (): Promise<unknown> =>
  new SFNClient({}).send(
    new CreateStateMachineCommand({
      name: 'rescan-bot',
      definition: JSON.stringify(stateMachineDefinition('STANDARD')),
      roleArn: 'arn:aws:iam::016164185850:role/rescan-bot-state-machine',
    }),
  );

/** Copies of the bot without Slack, on a local AWS with real clients and one fake clock. */
export async function startRunsRig(options: RunsRigOptions = {}): Promise<RunsRig> {
  const aws = await startLocalAws({ port: 0, images: options.images ?? 60, seedTable: options.seedTable ?? 'empty' });
  aws.turn(WIDE);
  const clock = createFakeClock(Date.now());
  const folder = mkdtempSync(join(tmpdir(), 'rescan-runs-'));
  const stopFile = join(folder, 'STOP');
  const copies: { readonly runs: Runs; readonly isDead: () => boolean }[] = [];
  const control = { delayMs: 0, isAway: false, refuses: false };
  async function reachControl(): Promise<void> {
    if (control.delayMs > 0) await clock.sleep(control.delayMs);
    while (control.isAway) await clock.sleep(STEP_MS);
    if (control.refuses) failConnection();
  }
  function failConnection(): never {
    const cause = Object.assign(new Error('connect ECONNREFUSED 127.0.0.1:443'), { code: 'ECONNREFUSED' });
    throw new ControlTableError(controlTableFault(cause, 'UpdateItem', 'rescan-bot-control'), cause);
  }
  Object.assign(process.env, {
    AWS_ENDPOINT_URL: aws.url,
    AWS_REGION: 'us-east-1',
    AWS_ACCESS_KEY_ID: 'x',
    AWS_SECRET_ACCESS_KEY: 'x',
  });
  if (options.engine === 'step-functions') {
    aws.turn({ stepFunctions: { speed: MACHINE_SPEED, waitsByClock: true } });
    await installStateMachine();
  }
  async function step(ms = STEP_MS): Promise<void> {
    await clock.advance(ms);
    // The function stamps its records with the time of the test.
    aws.turn({ clockAheadMs: clock.now() - Date.now() });
    await systemClock.sleep(rig.realStepMs);
  }
  const rig: RunsRig = {
    aws,
    clock,
    realStepMs: 2,
    stopFile,
    control,
    async copy(overrides = {}, { diesAtWrite, isStored = false, losesReply, machineAheadMs } = {}) {
      let isDead = false;
      let writes = 0;
      const never = () => new Promise<never>(() => {});
      async function call<T>(work: () => Promise<T>): Promise<T> {
        if (isDead) return never();
        await reachControl();
        const answer = await work();
        return isDead ? never() : answer;
      }
      async function write<T>(work: () => Promise<T>): Promise<T> {
        writes++;
        const isLast = writes === diesAtWrite;
        const isReplyLost = writes === losesReply?.of;
        if (isLast && !isStored) isDead = true;
        return call(async () => {
          const answer = await work();
          if (isLast) isDead = true;
          if (isReplyLost) {
            control.refuses = losesReply?.refuses ?? false;
            failConnection();
          }
          return answer;
        });
      }
      const machine: Clock = { now: () => clock.now() + (machineAheadMs ?? 0), sleep: clock.sleep };
      const followed = machineAheadMs === undefined ? undefined : createFollowedClock(machine);
      const ownClock: Clock = {
        now: (followed ?? machine).now,
        sleep: (ms, signal) => (isDead ? never() : clock.sleep(ms, signal).then(() => (isDead ? never() : undefined))),
      };
      const settings = readSettings({
        SLACK_BOT_TOKEN: 'xoxb-1',
        SLACK_APP_TOKEN: 'xapp-1',
        SLACK_CHANNELS: 'C01',
        STOP_FILE: stopFile,
        LEASE_SECONDS: '20',
        SHUTDOWN_SECONDS: '5',
        MAX_IN_FLIGHT: '10',
        LOG_LEVEL: process.env.TEST_LOG ?? 'silent',
        RUN_ENGINE: options.engine ?? 'local',
        ...overrides,
      });
      const clients = createAwsClients(followed);
      const table = await openControlTable({
        dynamodb: clients.dynamodb,
        tableName: settings.controlTable,
        clock: systemClock,
      });
      if (followed) for (let call = 0; call < 3; call++) await checkBucket(clients.s3, settings.controlBucket);
      followed?.begin();
      const runs = assembleRuns(
        createContext({
          settings,
          profile: TIMESHEETS,
          aws: clients,
          table: mortal(table, call, write),
          clock: ownClock,
          random: Math.random,
          logger: createLogger(settings.logLevel),
          holder: randomUUID(),
        }),
      );
      copies.push({ runs, isDead: () => isDead });
      const events: RunEvent[] = [];
      runs.watch((event) => void events.push(event));
      return {
        runs,
        events,
        kill() {
          isDead = true;
        },
        writes: () => writes,
        listensTo: (kind) =>
          rig
            .until(() => events.find((event) => event.kind === kind))
            .catch(() => {
              throw new Error(`No event ${kind}; there were ${events.map((event) => event.kind).join(', ')}`);
            }),
      };
    },
    async start(copy, options = {}) {
      const { selection = {}, pace = FAST } = options;
      const plan = value(await copy.runs.plan({ selection, paceSetting: pace, by: 'U1', location: LOCATION }));
      value(await copy.runs.start(plan.runId, 'U1', { location: LOCATION }));
      return plan.runId;
    },
    async during(work) {
      let isSettled = false;
      const settled = work.finally(() => {
        isSettled = true;
      });
      settled.catch(() => {});
      await rig.until(() => isSettled || undefined);
      return settled;
    },
    async pass(ms) {
      // Over a long time nothing happens but polls and renewals of leases.
      const stepMs = ms >= LONG_MS ? LONG_STEP_MS : STEP_MS;
      for (let passed = 0; passed < ms; passed += stepMs) await step(Math.min(stepMs, ms - passed));
    },
    async until(find) {
      const end = Date.now() + HANGS_MS;
      for (;;) {
        const found = await find();
        if (found !== undefined) return found;
        if (Date.now() > end) throw new Error(`It did not happen within ${HANGS_MS / 1_000} s.`);
        await step();
      }
    },
    async untilDone(copy, count) {
      await rig.until(async () => {
        const totals = (await copy.runs.current())?.totals;
        return totals && totals.processed + totals.rejected + totals.failed >= count ? true : undefined;
      });
    },
    async invocations() {
      const counts = countsSchema.parse(await (await fetch(`${aws.url}/sandbox/invocations`)).json());
      return { total: counts.total, counts: Object.values(counts.byKey) };
    },
    async close() {
      Object.assign(control, { delayMs: 0, isAway: false, refuses: false });
      await rig.during(Promise.all(copies.filter(({ isDead }) => !isDead()).map(({ runs }) => runs.shutDown())));
      await aws.close();
      rmSync(folder, { recursive: true, force: true });
    },
  };
  return rig;
}
