import type { BotControls } from '../../../src/app/controls.ts';
import type { AutopilotRefusal } from '../../../src/checklist/contracts/autopilot-control.ts';
import type { ResultRefusal } from '../../../src/checklist/contracts/result-control.ts';
import type { StepRefusal } from '../../../src/checklist/contracts/step-control.ts';
import { STEPS } from '../../../src/checklist/model/step.ts';
import type { Result } from '../../../src/lib/result.ts';
import { createEngineControl } from '../../../src/run/engines/step-functions/install.ts';
import type { RunControl } from '../../../src/run/model/run-control.ts';

const notActive = async (): Promise<Result<never, AutopilotRefusal>> => ({
  ok: false,
  refusal: { reason: 'not-active' },
});
const noImages = async (): Promise<Result<never, StepRefusal>> => ({ ok: false, refusal: { reason: 'no-images' } });
const noRun = async (): Promise<Result<never, ResultRefusal>> => ({ ok: false, refusal: { reason: 'no-run' } });
async function* nothing(): AsyncGenerator<never> {}

/** Controls for tests about runs: every precondition is met, no step is done, nothing is stored. */
export const idleControls = (runs: RunControl): Omit<BotControls, 'tables'> => ({
  checklist: {
    view: async () => ({
      steps: STEPS.map((step) => ({ step, state: 'to-do' as const })),
      next: 'backup',
      unread: [],
    }),
    preconditions: async () => ({ kind: 'pass', overridden: [] }),
    ensureOpen: async () => 'c-0001',
    openId: async () => undefined,
    backupsOfOpen: async () => [],
    begin: async () => ({ end: async () => {}, leave: async () => {} }),
    prove: async () => {},
    disprove: async () => {},
    override: async () => ({ ok: false, refusal: { reason: 'already-met' } }),
    scope: async () => undefined,
    whyScopeIsFixed: async () => undefined,
    setScope: async () => {},
    recordFlushRequest: async () => {},
    close: async () => ({ ok: false, refusal: { reason: 'none-open' } }),
    history: async () => [],
    onRunEvent: async () => {},
    onTableEvent: async () => {},
    recordTableChange: async () => {},
    recordResult: async () => {},
    watchObsoleteRequests: () => () => {},
  },
  scope: {
    current: async () => undefined,
    set: async () => ({ ok: false, refusal: { reason: 'no-scope' } }),
    lacks: [],
    findPeople: async () => [],
    clear: async () => ({ ok: false, refusal: { reason: 'no-scope' } }),
  },
  engine: createEngineControl({
    engine: 'local',
    stateMachine: 'rescan-bot',
    roleArn: 'arn:aws:iam::123456789012:role/machine',
    describeFunction: async () => ({ arn: 'arn:aws:lambda:us-east-1:123456789012:function:ocr', timeoutMs: 60_000 }),
    describe: async () => undefined,
    create: async () => 'created',
    update: async () => {},
    openRunOnMachine: async () => undefined,
  }),
  watchChecklist: () => () => {},
  starts: runs,
  steps: { quotas: noImages, testLogging: noImages, sample: noImages, standBy: () => {}, shutDown: async () => {} },
  deploys: {
    plan: noImages,
    deploy: noImages,
    planRollback: noImages,
    rollback: noImages,
    request: noImages,
    click: noImages,
    approval: async () => undefined,
    openApprovals: async () => [],
    withdrawApproved: async () => [],
    inProgress: async () => undefined,
    setApprovalMessage: async () => {},
    setMessage: async () => {},
    watch: () => () => {},
    standBy: () => {},
    shutDown: async () => {},
  },
  autopilot: {
    plan: notActive,
    cancel: notActive,
    start: notActive,
    retry: notActive,
    stop: notActive,
    current: async () => undefined,
    setLocation: async () => {},
    watch: () => () => {},
    standBy: () => {},
    shutDown: async () => {},
  },
  audit: {
    enqueue: () => {},
    record: async () => {},
    waiting: () => 0,
    close: async () => {},
    entries: nothing,
    verify: async () => ({ ok: true, entries: 0, head: '' }),
  },
  results: {
    failures: noRun,
    planRetry: noRun,
    outcomes: noRun,
    attempts: noRun,
    report: noRun,
    validate: noRun,
    diff: noRun,
    changes: noRun,
  },
  diagnoses: { diagnose: noRun },
  functionLog: {
    findLines: nothing,
    followLines: nothing,
    followStops: { request: async () => {}, isRequested: async () => false, clear: async () => {} },
  },
});
