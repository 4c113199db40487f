import { randomUUID } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { PutItemCommand } from '@aws-sdk/client-dynamodb';
import { afterEach, beforeEach } from 'vitest';
import { z } from 'zod';
import { type LocalAws, startLocalAws } from '../../../sandbox/aws/server.ts';
import { createContext } from '../../../src/app/context.ts';
import { type Audit, assembleControls } from '../../../src/app/controls.ts';
import type { Approval } from '../../../src/approvals/approval.ts';
import type { BackupRecord } from '../../../src/backup/format/backup-record.ts';
import { isUnread } from '../../../src/backup/format/export-record.ts';
import type { StartControl } from '../../../src/checklist/contracts/result-control.ts';
import type { ScopeControl } from '../../../src/checklist/contracts/scope-control.ts';
import type { TableAnswer, TableEvent } from '../../../src/checklist/contracts/table-control.ts';
import type { Checklist } from '../../../src/checklist/steps/checklist.ts';
import type { FunctionSteps } from '../../../src/checklist/steps/function-steps.ts';
import type { TableSteps } from '../../../src/checklist/table-jobs/table-steps.ts';
import { type Clock, systemClock } from '../../../src/lib/clock.ts';
import { createLogger } from '../../../src/lib/log.ts';
import { type AwsClients, createAwsClients } from '../../../src/pipeline/aws.ts';
import { codeIdentity, describeFunction } from '../../../src/pipeline/invoke/ocr-function.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import type { RunSnapshot } from '../../../src/run/model/types.ts';
import { readSettings } from '../../../src/settings.ts';
import { type ControlTable, openControlTable } from '../../../src/state/table/control-table.ts';
import { HANGS_MS } from '../../support/eventually.ts';
import { createScriptedRunControl } from '../../support/memory/scripted-run-control.ts';

export let aws: LocalAws;
export let clients: AwsClients;
export let folder: string;
let run: RunSnapshot | undefined;
let skippedMs = 0;
/** The machine's clock, ahead by the time that was skipped. */
const clock: Clock = { now: () => systemClock.now() + skippedMs, sleep: systemClock.sleep };
const open: TableSteps[] = [];

/** Gives each test a local AWS and a folder; shuts down its bots afterwards. */
export function freshForEachTest(): void {
  beforeEach(async () => {
    aws = await startLocalAws({ port: 0, images: 12 });
    folder = await mkdtemp(join(tmpdir(), 'rescan-steps-'));
    run = undefined;
    skippedMs = 0;
    Object.assign(process.env, {
      AWS_ENDPOINT_URL: aws.url,
      AWS_REGION: 'us-east-1',
      AWS_ACCESS_KEY_ID: 'x',
      AWS_SECRET_ACCESS_KEY: 'x',
    });
    clients = createAwsClients();
  });
  afterEach(async () => {
    await Promise.all(open.splice(0).map((steps) => steps.shutDown()));
    await aws.close();
    await rm(folder, { recursive: true, force: true });
  });
}

/** From now on the clock of the bots shows a time after `time` (epoch ms). */
export function skipPast(time: number): void {
  skippedMs += Math.max(0, time - clock.now()) + 1;
}

/** Sets the run of the pipeline. */
export function runBecomes(snapshot: RunSnapshot): void {
  run = snapshot;
}

export interface Steps {
  readonly steps: TableSteps;
  readonly functionSteps: FunctionSteps;
  readonly checklist: Checklist;
  readonly scope: ScopeControl;
  readonly starts: StartControl;
  readonly audit: Audit;
  readonly table: ControlTable;
  readonly events: TableEvent[];
  listensTo<Kind extends TableEvent['kind']>(kind: Kind): Promise<Extract<TableEvent, { kind: Kind }>>;
}

export async function startSteps(overrides: Record<string, string> = {}): Promise<Steps> {
  const settings = readSettings({
    SLACK_BOT_TOKEN: 'xoxb-1',
    SLACK_APP_TOKEN: 'xapp-1',
    SLACK_CHANNELS: 'C01',
    STOP_FILE: join(folder, 'STOP'),
    LEASE_SECONDS: '5',
    LOG_LEVEL: 'silent',
    SAMPLE_IMAGES: '0',
    ...overrides,
  });
  const table = await openControlTable({
    dynamodb: clients.dynamodb,
    tableName: settings.controlTable,
    clock,
  });
  const {
    tables: steps,
    steps: functionSteps,
    checklist,
    scope,
    starts,
    audit,
  } = assembleControls(
    createContext({
      settings,
      profile: TIMESHEETS,
      aws: clients,
      table,
      clock,
      random: Math.random,
      logger: createLogger('silent'),
      holder: randomUUID(),
    }),
    { ...createScriptedRunControl(), current: async () => run },
  );
  // These tests are about the table: the other preconditions of a flush hold.
  const codeSha256 = codeIdentity(await describeFunction(clients.lambda, settings.ocrFunction));
  await checklist.prove('logging', { by: 'U1', codeSha256 });
  open.push(steps);
  const events: TableEvent[] = [];
  steps.watch((event) => {
    // These tests wait for the end of a request, not for the request.
    const isAsked = event.kind === 'approval-changed' && event.approval.state.kind === 'pending';
    if (!isAsked) events.push(event);
  });
  const isOf =
    <Kind extends TableEvent['kind']>(kind: Kind) =>
    (event: TableEvent): event is Extract<TableEvent, { kind: Kind }> =>
      event.kind === kind && !(event.kind === 'approval-changed' && event.approval.state.kind === 'pending');
  return {
    steps,
    functionSteps,
    checklist,
    scope,
    starts,
    audit,
    table,
    events,
    async listensTo(kind) {
      const until = Date.now() + HANGS_MS;
      for (;;) {
        const found = events.find(isOf(kind));
        if (found) return found;
        if (Date.now() > until) throw new Error(`No ${kind}; heard ${JSON.stringify(events).slice(-1_500)}`);
        await new Promise((resolve) => setTimeout(resolve, 20));
      }
    },
  };
}

export function value<T>(answer: TableAnswer<T>): T {
  if (!answer.ok) throw new Error(`Refused: ${JSON.stringify(answer.refusal)}`);
  return answer.value;
}

export async function backup({ steps, events }: Steps): Promise<BackupRecord> {
  value(await steps.backup({ by: 'U1', location: { channel: 'C01' } }));
  for (;;) {
    const end = events.findLast((event) => event.kind === 'finished' || event.kind === 'failed');
    if (end?.kind === 'finished' && end.result.kind === 'backup' && !isUnread(end.result.record)) {
      events.length = 0;
      return end.result.record;
    }
    if (end?.kind === 'failed') throw new Error(JSON.stringify(end.refusal));
    await new Promise((resolve) => setTimeout(resolve, 10));
  }
}

export async function request({ steps }: Steps): Promise<Approval> {
  const plan = value(await steps.planFlush({ failedOnly: false }));
  const approval = value(await steps.request({ action: plan.action, by: 'U1', channel: 'C01' }));
  await steps.setMessage(approval.id, '1.1');
  return approval;
}
export const yes = { decision: 'approve', by: 'U2', channel: 'C01', ts: '1.1', approverCheck: 'approver' } as const;

export const put = (name: string) =>
  clients.dynamodb.send(
    new PutItemCommand({
      TableName: 'TimesheetOCR-dev',
      Item: { ResourceName: { S: name }, DateProjectCode: { S: '2026-01-01#P' } },
    }),
  );
const countSchema = z.object({ total: z.number() });
export const inTable = async () => countSchema.parse(await (await fetch(`${aws.url}/sandbox/table`)).json()).total;
