import type {
  AutopilotBlocker,
  AutopilotRefusal,
  AutopilotStopped,
  WaitReason,
} from '../../../checklist/contracts/autopilot-control.ts';
import type { AutopilotRecord } from '../../../checklist/model/autopilot-record.ts';
import type { ChecklistView } from '../../../checklist/model/checklist-view.ts';
import type { RunSnapshot } from '../../../run/model/types.ts';
import { ACTION, button } from '../kit/buttons.ts';
import { code, mention, sentence } from '../kit/escape.ts';
import { count, counted, dollars, duration, percent, rate } from '../kit/format.ts';
import { compose, type Message, say } from '../kit/message.ts';
import { startRefusalMessage } from '../refusals/start-refusals.ts';
import { stepRefusalLines } from '../refusals/step-refusals.ts';
import { describeVerdict } from '../results/describe-verdict.ts';
import { describeFault, doneOf, faultLines, formatDone, runName } from '../run/describe-run.ts';
import { jobName } from '../table/describe-table.ts';
import { tableRefusalLines } from '../table/table-refusals.ts';
import { describeFound, STEP_TITLES } from './describe-step.ts';
import { planFigure } from './plan-figure.ts';

/** What the autopilot would do and what is to be expected, before anything happens. */
export function autopilotPlanMessage({ id, forecast, by }: AutopilotRecord): Message {
  return compose({
    fact: `The autopilot would do the whole rescan: ${counted(forecast.images, 'image')}.`,
    lines: [
      'Nothing has happened yet. In this order, each step only if the one before it holds: backup, quotas, a test of the failure logging (deployed if it does not work), a few images, *flush with the approval of a second person*, the first images as a canary, then all others, and a validation at the end.',
      'It stops where a person is needed, and goes on by itself after that.',
    ],
    numbers: [
      ['Expected', `about ${duration(forecast.expectedMs)} at ${rate(forecast.expectedPerMinute)} images a minute`],
      [
        'Expected cost',
        forecast.expectedCostUsd === undefined ? 'not known yet' : `about ${dollars(forecast.expectedCostUsd)}`,
      ],
      [
        'Expected failures',
        forecast.expectedFailures === undefined
          ? 'not known yet'
          : `about ${count(forecast.expectedFailures)} (${percent(forecast.expectedFailures, forecast.images)})`,
      ],
    ],
    notes: [...forecast.restsOn.map((line) => sentence(line, 300)), `Asked for by ${mention(by)}.`],
    buttons: [
      button(ACTION.autopilotStart, 'Start', id, { style: 'primary' }),
      button(ACTION.autopilotCancel, 'Cancel', id),
    ],
  });
}

/** The autopilot as it stands: one live plan. */
export function autopilotMessage(record: AutopilotRecord, view: ChecklistView, now: number): Message {
  const { state } = record;
  const buttons =
    state === 'running'
      ? [
          ...(record.blocker === undefined ? [] : [button(ACTION.autopilotGoOn, 'Go on', record.id)]),
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
      return 'The autopilot waits to be started.';
    case 'running':
      if (record.blocker !== undefined) return 'The autopilot waits for a person.';
      return under === undefined
        ? 'The autopilot is under way.'
        : `The autopilot is under way: ${STEP_TITLES[under.step]}.`;
    case 'stopped':
      return `The autopilot was stopped by ${stopperName(record.stoppedBy ?? '')}.`;
    case 'finished':
      return 'The autopilot is through: every step is done.';
    case 'cancelled':
      return 'The autopilot was cancelled before it began.';
  }
}

const stopperName = (by: string): string => (/^[UW][A-Z0-9]+$/.test(by) ? mention(by) : sentence(by, 200));

export const autopilotCancelledMessage = (by: string): Message =>
  say(`The autopilot was cancelled by ${mention(by)} before it began: nothing was done.`);

/** What keeps it from going on, to whoever started it and the channel. */
export function needsPersonMessage(record: AutopilotRecord, hindrance: AutopilotBlocker): Message {
  const { fact, lines } = hindranceText(hindrance);
  return compose({
    fact,
    lines: [
      ...lines,
      `${hindrance.kind === 'waiting' ? 'It goes on by itself when that is mended.' : 'Mend it, then let it try again.'} ${mention(record.by)} started it.`,
    ],
    buttons: [
      button(ACTION.autopilotGoOn, 'Try again', record.id),
      button(ACTION.autopilotStop, 'Stop the autopilot', record.id, { style: 'danger' }),
    ],
  });
}

function hindranceText(hindrance: AutopilotBlocker): { fact: string; lines: readonly string[] } {
  switch (hindrance.kind) {
    case 'waiting':
      return wantedText(hindrance.reason);
    case 'table-refused':
      return {
        fact: `The autopilot waits for a person: ${STEP_TITLES[hindrance.step]} was refused.`,
        lines: tableRefusalLines(hindrance.refusal),
      };
    case 'step-refused':
      return {
        fact: `The autopilot waits for a person: ${STEP_TITLES[hindrance.step]} could not be done.`,
        lines: stepRefusalLines(hindrance.refusal),
      };
    case 'start-refused':
      return {
        fact: 'The autopilot waits for a person: the run was not started.',
        lines: startRefusalMessage(hindrance.refusal).text.split('\n'),
      };
  }
}

const FIXES: Readonly<Record<string, string>> = {
  backup: '`/rescan backup` tries again and says more.',
  quotas: '`/rescan quotas` shows them all.',
  deploy: '`/rescan deploy` shows what stands in the way.',
  'test-logging': '`/rescan test-logging` says which part does not work, and what mends it.',
  sample: '`/rescan sample` tries again and shows what each image came to.',
  flush: '`/rescan checklist` shows how things stand.',
  rescan: '`/rescan status` shows how it stands.',
  validate: '`/rescan checklist` shows how things stand.',
};

const RESTS = {
  tripped: 'stopped itself',
  paused: 'is paused',
  stopped: 'was stopped',
  interrupted: 'broke off',
} as const;

function wantedText(wanted: WaitReason): { fact: string; lines: readonly string[] } {
  switch (wanted.kind) {
    case 'step-failed':
      return {
        fact: `The autopilot waits for a person: ${STEP_TITLES[wanted.step]} failed.`,
        lines: [...(wanted.found ? [describeFound(wanted.found)] : []), FIXES[wanted.step] ?? ''],
      };
    case 'flush-not-approved': {
      const came: Readonly<Record<string, string>> = {
        denied: 'was denied',
        expired: 'expired',
        withdrawn: 'was taken back',
        void: 'became void, as the world changed',
      };
      return {
        fact: `The autopilot waits for a person: its request to flush ${came[wanted.state] ?? 'came to nothing'}.`,
        lines: ['Nothing was deleted. Try again to ask once more.'],
      };
    }
    case 'run-rests':
      return {
        fact: `The autopilot waits for a person: ${runName(wanted.runId)} ${RESTS[wanted.state]}.`,
        lines: ['`/rescan resume` goes on with it, and so does the autopilot.'],
      };
  }
}

/** What came of it, against what was to be expected. */
export function receiptMessage(
  record: AutopilotRecord,
  run: RunSnapshot | undefined,
  about: { readonly verdict?: string | undefined; readonly head?: string | undefined } = {},
): Message {
  const { verdict, head } = about;
  const { forecast } = record;
  const took = (record.endedAt ?? 0) - (record.startedAt ?? 0);
  if (!run)
    return compose({
      fact: `The autopilot is through after ${duration(took)}.`,
      lines: [`Started by ${mention(record.by)}.`],
    });
  const { totals } = run;
  const against = (expected: string | undefined) => (expected === undefined ? 'no forecast' : `forecast ${expected}`);
  return compose({
    fact: `The autopilot is through: ${runName(run.runId)} did ${counted(doneOf(run), 'image')}, ${totals.failed === 0 ? 'none' : count(totals.failed)} failed.`,
    numbers: [
      ['Time of the run', `${duration(run.activeMs)} (${against(duration(forecast.expectedMs))})`],
      ['Time in all', `${duration(took)}, with the waiting for people`],
      [
        'Cost',
        `${dollars(totals.costUsd)} (${against(forecast.expectedCostUsd === undefined ? undefined : dollars(forecast.expectedCostUsd))})`,
      ],
      [
        'Failures',
        `${count(totals.failed)} (${against(forecast.expectedFailures === undefined ? undefined : count(forecast.expectedFailures))})`,
      ],
      ['Images', `${count(doneOf(run))} (${against(count(forecast.images))})`],
      ['Entries stored', count(totals.entriesStored)],
      ['Validation', verdict === undefined ? 'not done: `/rescan validate`' : describeVerdict(verdict)],
    ],
    notes: [
      `Started by ${mention(record.by)}. \`/rescan history\` keeps it.`,
      ...(head === undefined ? [] : [`Head of the audit: ${code(head, 64)}`]),
    ],
  });
}

/** What a stop ended. */
export function autopilotStoppedMessage({ withdrew, job, run, faults: troubles }: AutopilotStopped): Message {
  return say(
    'The autopilot is stopped: it begins nothing more.',
    ...(withdrew ? ['Its request to flush was taken back: nobody can approve it any more.'] : []),
    ...(job ? [`${jobName(job)} under way stops between two batches.`] : []),
    ...(run
      ? [`${runName(run.runId)} is stopping too: no image starts any more. \`/rescan resume\` goes on with it.`]
      : []),
    ...troubles.map(
      (fault) =>
        `:warning: Not all of it could be stopped yet: ${describeFault(fault)}. It is tried again; until then deny its request if there is one, and look at \`/rescan status\`.`,
    ),
    'What is done stays done: `/rescan checklist` shows it, and `/rescan autopilot` would go on from there.',
  );
}

export function autopilotRefusalMessage(refusal: AutopilotRefusal): Message {
  switch (refusal.reason) {
    case 'active':
      return say(
        `The autopilot is under way already, started by ${mention(refusal.record.by)}: nothing was started.`,
        '`/rescan autopilot stop` stops it.',
      );
    case 'not-active':
      return say('No autopilot is under way.', '`/rescan autopilot` says what one would do.');
    case 'plan-gone':
      return say(
        'This plan was started, cancelled or replaced before: nothing was done.',
        '`/rescan autopilot` makes a new one.',
      );
    case 'stop-file':
      return say(`The stop file ${code(refusal.path, 200)} is there: nothing starts while it exists.`);
    case 'start':
      return startRefusalMessage(refusal.refusal);
    case 'fault':
      return say(`Nothing was done: ${describeFault(refusal.fault)}.`, ...faultLines(refusal.fault));
  }
}
