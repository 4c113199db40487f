import type { ApprovalState } from '../../../approvals/approval.ts';
import type {
  AutopilotBlocker,
  AutopilotRefusal,
  AutopilotStopped,
  WaitReason,
} from '../../../checklist/contracts/autopilot-control.ts';
import type { AutopilotRecord } from '../../../checklist/model/autopilot-record.ts';
import type { ChecklistView } from '../../../checklist/model/checklist-view.ts';
import type { StepFinding } from '../../../checklist/model/step.ts';
import type { RunSnapshot } from '../../../run/model/types.ts';
import { numbersOf } from '../../../run/rules/numbers.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { aboutDuration, clockTime, count, counted, dollars, duration, percent, rate } from '../kit/format.ts';
import { asRefusal, compose, type Message, say } from '../kit/message.ts';
import { faultMessage, stopFileLines } from '../refusals/refusals.ts';
import { startRefusalMessage } from '../refusals/start-refusals.ts';
import { stepRefusalLines } from '../refusals/step-refusals.ts';
import { gateLines } from '../run/alert-lines.ts';
import {
  describeFault,
  formatCost,
  formatDone,
  formatRunningTime,
  isWithoutGrowth,
  runName,
  storedLine,
} from '../run/describe-run.ts';
import { jobName } from '../table/describe-table.ts';
import { tableRefusalLines } from '../table/table-refusals.ts';
import { describeFound, STEP_TITLES } from './describe-step.ts';
import { planFigure } from './plan-figure.ts';

/** What the autopilot would do and what to expect, before anything happens. */
export function autopilotPlanMessage({ id, forecast, scope, by }: AutopilotRecord): Message {
  return compose({
    fact: scope
      ? `The autopilot would do a rescan of ${code(scope.what, 400)}: ${counted(forecast.images, 'image')}.`
      : `The autopilot would do the whole rescan: ${counted(forecast.images, 'image')}.`,
    lines: [
      'Nothing has happened yet. It would do these steps in order, each only after the one before has succeeded: backup, quota check, test of failure logging (installed if needed), a sample of images, *flush after the approval of a second person*, the first images, all other images, validation.',
      'Where it needs a person it waits, and continues afterwards.',
    ],
    numbers: [
      [
        'Estimated time',
        `${aboutDuration(forecast.expectedMs)} at ${rate(forecast.expectedPerMinute)} images a minute`,
      ],
      [
        'Estimated cost',
        forecast.expectedCostUsd === undefined ? 'unknown' : `about ${dollars(forecast.expectedCostUsd)}`,
      ],
      [
        'Estimated failures',
        forecast.expectedFailures === undefined
          ? 'unknown'
          : `about ${count(forecast.expectedFailures)} (${percent(forecast.expectedFailures, forecast.images)})`,
      ],
    ],
    notes: [...forecast.restsOn.map((line) => sentence(line, 300)), `Planned by ${mention(by)}.`],
    buttons: [
      button(ACTION.autopilotStart, 'Start', id, { style: 'primary' }),
      button(ACTION.autopilotCancel, 'Cancel', id),
    ],
  });
}

/** The live message of the autopilot: its state, and every step. */
export function autopilotMessage(record: AutopilotRecord, view: ChecklistView, now: number): Message {
  const { state } = record;
  const buttons =
    state === 'running'
      ? [
          ...(record.blocker === undefined ? [] : [button(ACTION.autopilotGoOn, 'Try again', record.id)]),
          button(ACTION.autopilotStop, 'Stop', record.id, { style: 'danger' }),
        ]
      : [];
  return compose({
    fact: stateFact(record, view),
    lines: [
      ...(view.run?.state.kind === 'running' ? [`${runName(view.run.runId)}: ${formatDone(view.run)}`] : []),
      ...view.unread.map((fault) => `:warning: ${describeFault(fault)}: ${code(fault.message, 200)}`),
    ],
    figures: [planFigure(view, now)],
    notes: [
      `Started by ${mention(record.by)}${record.startedAt === undefined ? '' : `, ${duration(now - record.startedAt)} ago`}.`,
    ],
    buttons,
  });
}

function stateFact(record: AutopilotRecord, view: ChecklistView): string {
  const under = view.steps.find(({ state }) => state === 'running');
  switch (record.state) {
    case 'planned':
      return 'The autopilot is planned. Press Start to begin.';
    case 'running':
      if (record.blocker !== undefined) return 'The autopilot is waiting for a person.';
      if (under?.approvalUntil !== undefined)
        return `The autopilot is waiting for approval of the flush (until ${clockTime(under.approvalUntil)}; see the request in the channel).`;
      return under === undefined
        ? 'The autopilot is running.'
        : `The autopilot is running. Current step: ${STEP_TITLES[under.step]}.`;
    case 'stopped':
      return `The autopilot was stopped by ${stopperName(record.stoppedBy ?? '')}.`;
    case 'finished':
      return 'The autopilot has finished.';
    case 'cancelled':
      return 'The autopilot was cancelled before it started.';
  }
}

const stopperName = (by: string): string => (/^[UW][A-Z0-9]+$/.test(by) ? mention(by) : sentence(by, 200));

export const autopilotCancelledMessage = (by: string): Message =>
  say(`The autopilot was cancelled by ${mention(by)} before it started. Nothing was done.`);

/** Why the autopilot waits for a person, for the channel and the person who started it. */
export function needsPersonMessage(record: AutopilotRecord, blocker: AutopilotBlocker): Message {
  const { fact, lines, again = 'Try again' } = describeBlocker(blocker);
  return compose({
    fact,
    lines: [...lines, `${mention(record.by)} started the autopilot.`],
    buttons: [
      button(ACTION.autopilotGoOn, again, record.id),
      button(ACTION.autopilotStop, 'Stop the autopilot', record.id, { style: 'danger' }),
    ],
  });
}

interface Described {
  readonly fact: string;
  readonly lines: readonly string[];
  /** The label of the button that lets the autopilot continue. */
  readonly again?: string;
}

const FIX_THEN_TRY = 'Fix this, then press Try again.';

function describeBlocker(blocker: AutopilotBlocker): Described {
  switch (blocker.kind) {
    case 'waiting':
      return describeWaitReason(blocker.reason);
    case 'table-refused':
      return {
        fact: `The autopilot is waiting for a person: the step “${STEP_TITLES[blocker.step]}” was refused.`,
        lines: [...tableRefusalLines(blocker.refusal), FIX_THEN_TRY],
      };
    case 'step-refused':
      return {
        fact: `The autopilot is waiting for a person: the step “${STEP_TITLES[blocker.step]}” could not be done.`,
        lines: [...stepRefusalLines(blocker.refusal), FIX_THEN_TRY],
      };
    case 'start-refused':
      return {
        fact: 'The autopilot is waiting for a person: the run was not started.',
        lines: [...startRefusalMessage(blocker.refusal).text.split('\n'), FIX_THEN_TRY],
      };
  }
}

const FIXES: Readonly<Record<string, string>> = {
  backup: '`/rescan backup` shows why.',
  quotas: '`/rescan quotas` shows every limit.',
  deploy: '`/rescan deploy` shows why.',
  'test-logging': '`/rescan test-logging` shows which part does not work, and how to fix it.',
  sample: '`/rescan sample` shows the outcome of each image.',
  flush: '`/rescan checklist` shows the state of each step.',
  rescan: '`/rescan status` shows the run.',
  validate: '`/rescan validate` shows the problems.',
};

const HALTED = {
  tripped: 'stopped itself',
  paused: 'is paused',
  stopped: 'was stopped',
  interrupted: 'was interrupted',
} as const;

const UNAPPROVED: Readonly<Partial<Record<ApprovalState['kind'], string>>> = {
  denied: 'The flush was denied',
  expired: 'The request for the flush expired',
  withdrawn: 'The request for the flush was withdrawn',
  void: 'The approval of the flush no longer applies, because the table changed',
};

function describeWaitReason(reason: WaitReason): Described {
  switch (reason.kind) {
    case 'step-failed':
      return {
        fact: `The autopilot is waiting for a person: the step “${STEP_TITLES[reason.step]}” failed.`,
        lines: [
          ...(reason.found ? [`${capitalise(describeFound(reason.found))}.`] : []),
          FIXES[reason.step] ?? '',
          'Fix this, then press Try again. If you do the step yourself, the autopilot continues by itself.',
        ],
      };
    case 'flush-not-approved':
      return {
        fact: `${UNAPPROVED[reason.state] ?? 'The flush was not approved'}${reason.by === undefined ? '' : ` by ${mention(reason.by)}`}; nothing was deleted.`,
        lines: ['The autopilot is waiting for a person.'],
        again: 'Ask again',
      };
    case 'run-halted':
      return {
        fact: `The autopilot is waiting for a person: ${runName(reason.runId)} ${HALTED[reason.state]}.`,
        lines: ['When the run is resumed with `/rescan resume`, the autopilot continues by itself.'],
        again: 'Check again',
      };
  }
}

const capitalise = (text: string) => `${text.slice(0, 1).toUpperCase()}${text.slice(1)}`;

/** What the autopilot achieved, against what was estimated. */
export function receiptMessage(
  record: AutopilotRecord,
  run: RunSnapshot | undefined,
  about: {
    readonly validation?: Extract<StepFinding, { kind: 'validate' }> | undefined;
    readonly head?: string | undefined;
  } = {},
): Message {
  const { validation, head } = about;
  const { forecast } = record;
  const tookMs = (record.endedAt ?? 0) - (record.startedAt ?? 0);
  if (!run)
    return compose({
      fact: `The autopilot has finished after ${duration(tookMs)}.`,
      lines: [`Started by ${mention(record.by)}.`],
    });
  const { done, toRetry, withoutRows } = numbersOf(run);
  const against = (expected: string | undefined) => (expected === undefined ? 'no forecast' : `forecast ${expected}`);
  return compose({
    fact: receiptFact(run, validation),
    lines: [
      storedLine(run),
      ...(withoutRows === 0
        ? []
        : ['The checklist is closed as failed. `/rescan retry type=NO_ROWS` processes these images again.']),
    ],
    numbers: [
      ['Running time', `${formatRunningTime(run)}; ${against(duration(forecast.expectedMs))}`],
      ['Total time', `${duration(tookMs)}, including the time waiting for people`],
      [
        'Cost',
        `${formatCost(run)}; ${against(forecast.expectedCostUsd === undefined ? undefined : dollars(forecast.expectedCostUsd))}`,
      ],
      [
        'Failed or without rows',
        `${count(toRetry)}; ${against(forecast.expectedFailures === undefined ? undefined : count(forecast.expectedFailures))}`,
      ],
      ['Images', `${count(done)}; ${against(count(forecast.images))}`],
      ['Validation', validation === undefined ? 'not done: run `/rescan validate`' : describeFound(validation)],
    ],
    notes: [
      `Started by ${mention(record.by)}. \`/rescan history\` lists it.`,
      ...(head === undefined ? [] : [`Last hash of the audit: ${code(head, 64)}`]),
    ],
  });
}

function receiptFact(run: RunSnapshot, validation: Extract<StepFinding, { kind: 'validate' }> | undefined): string {
  const { failed, withoutRows: noRows } = numbersOf(run);
  const done = `${runName(run.runId)}: ${formatDone(run)}, ${failed === 0 ? 'none' : count(failed)} failed`;
  if (noRows > 0)
    return `:x: The autopilot has finished, but ${counted(noRows, 'image has', 'images have')} no rows in the table. ${done}.`;
  if (validation?.verdict === 'bad')
    return `:x: The autopilot has finished, but the validation found a problem: ${describeFound(validation)}. ${done}.`;
  if (isWithoutGrowth(run)) return `:warning: The autopilot has finished, but the table did not grow. ${done}.`;
  return `The autopilot has finished. ${done}.`;
}

/** What a stop of the autopilot ended. */
export function autopilotStoppedMessage({ withdrew, job, run, faults }: AutopilotStopped): Message {
  return say(
    'The autopilot is stopped and starts no more steps.',
    ...(withdrew ? ['Its request for the flush was withdrawn.'] : []),
    ...(job ? [`${jobName(job)} is stopping after its current batch.`] : []),
    ...(run
      ? [
          `${runName(run.runId)} is stopping too${run.gateAfterHalt === undefined ? ': no more images start.' : '.'} \`/rescan resume\` continues it.`,
          ...gateLines(run),
        ]
      : []),
    ...faults.map(
      (fault) =>
        `:warning: Not everything could be stopped yet: ${describeFault(fault)}. The bot tries again. Until then deny its request if there is one, and check \`/rescan status\`.`,
    ),
    'Finished steps are kept: `/rescan checklist` shows them, and `/rescan autopilot` continues after them.',
  );
}

export const autopilotRefusalMessage = (refusal: AutopilotRefusal): Message =>
  asRefusal(describeAutopilotRefusal(refusal));

function describeAutopilotRefusal(refusal: AutopilotRefusal): Message {
  switch (refusal.reason) {
    case 'active':
      return say(
        `Not started: the autopilot is already running, started by ${mention(refusal.record.by)}.`,
        'Stop it with `/rescan autopilot stop`.',
      );
    case 'not-active':
      return say('The autopilot is not running.', '`/rescan autopilot` shows what it would do.');
    case 'plan-gone':
      return say(
        'Nothing was done: this plan was already started, cancelled or replaced.',
        'Make a new one with `/rescan autopilot`.',
      );
    case 'scope-changed':
      return say(
        'Nothing was started: the scope of this rescan changed after the plan was made.',
        'Make a new plan with `/rescan autopilot`.',
      );
    case 'stop-file':
      return say(...stopFileLines(refusal.path));
    case 'start':
      return startRefusalMessage(refusal.refusal);
    case 'fault':
      return faultMessage(refusal.fault);
  }
}
