import { describe, expect, test } from 'vitest';
import type { Validation } from '../../../src/checklist/contracts/result-control.ts';
import { TIMESHEETS } from '../../../src/pipeline/profile/timesheets.ts';
import { createReconcileTotals } from '../../../src/results/reconcile/reconcile-totals.ts';
import type { RunReport } from '../../../src/results/report/run-report.ts';
import { judgeValidation } from '../../../src/results/report/validation.ts';
import { homeView } from '../../../src/slack/home/home-view.ts';
import { receiptMessage } from '../../../src/slack/messages/checklist/autopilot-message.ts';
import { checklistMessage } from '../../../src/slack/messages/checklist/checklist-message.ts';
import { statusMessage } from '../../../src/slack/messages/checklist/status-message.ts';
import { chartMessage, reportMessage } from '../../../src/slack/messages/results/report-message.ts';
import { validationMessage } from '../../../src/slack/messages/results/validation-message.ts';
import { alertOf } from '../../../src/slack/messages/run/alerts.ts';
import { previewMessage } from '../../../src/slack/messages/run/preview.ts';
import { progressPost, runMessage } from '../../../src/slack/messages/run/run-message.ts';
import { runPlan, runSnapshot } from '../../support/memory/scripted-run-control.ts';
import { autopilotRecord, checklistView } from '../../support/messages/checklist-builders.ts';
import { failureTotals } from '../../support/messages/result-builders.ts';
import { backupRecord, NOW } from '../../support/messages/table-builders.ts';

/**
 * One run and the table that it left. Every number differs from all others, so that each one in a message tells what it
 * counts. Before the run the table had 813 records, 26 of them failures.
 */
const run = runSnapshot({
  state: { kind: 'completed' },
  total: 2_498,
  totals: {
    ...runSnapshot().totals,
    processed: 2_411,
    rejected: 49,
    failed: 31,
    noRows: 7,
    failedByType: { TEXTRACT_ERROR: 31 },
    entriesStored: 6_311,
    costUsd: 7.23,
  },
  growth: { kind: 'counted', entriesAtStart: 787, entries: 5_987 },
  topFailure: { failureType: 'TEXTRACT_ERROR', message: 'M', count: 31 },
  inFlight: 0,
  endedAt: NOW,
});
const before = { entry: 700, 'zero-hour': 41, rejected: 29, coverage: 17, failed: 26, total: 813 };
const now = { entry: 5_811, 'zero-hour': 97, rejected: 47, coverage: 32, failed: 31, total: 6_018 };
const plan = runPlan({ total: 2_498, entries: 787 });

const clean = createReconcileTotals().totals();
const facts = {
  now,
  backup: { ...backupRecord(), counts: before },
  people: [],
  runState: 'completed' as const,
  reconciled: {
    ...clean,
    images: 2_498,
    counts: {
      ...clean.counts,
      'processed-with-rows': 2_411,
      'processed-without-rows': 7,
      'rejected-with-record': 49,
      'failed-with-record': 31,
    },
    processedWithoutRows: { ...clean.processedWithoutRows, missing: 7 },
  },
};
const validation: Validation = {
  ...facts,
  ...judgeValidation(facts),
  runIds: ['r-0142'],
  images: [],
  profile: TIMESHEETS,
};

const report: RunReport = {
  intervals: [{ from: 0, to: 60_000, images: 2_498, failed: 38, entries: 6_311 }],
  slowest: [],
  largest: [],
  failedByType: { TEXTRACT_ERROR: 31 },
  images: 2_498,
  failed: 38,
};
const about = { expected: { ms: 60_000 }, causes: failureTotals().causesInRun };
const view = checklistView(
  { rescan: { state: 'failed', found: { kind: 'rescan', runId: 'r-0142', noRows: 7 } } },
  { next: 'validate', run },
);
const state = { run, approvals: [], view, machineAheadMs: 0 };
const running = runSnapshot({ ...run, state: { kind: 'running' } });

const completed = alertOf(
  { kind: 'completed', snapshot: run, drive: 'd-1', leftInFlight: 0 },
  { resumesByItself: false },
);
if (!completed) throw new Error('A completed run is announced.');

/** What a person reads, as one line without formatting. */
const read = (text: string): string =>
  text
    .replaceAll(/\\n|\n/g, ' ')
    .replaceAll(/[`*_]|"(type|text|mrkdwn|fields|section)"|[{}[\]":]/g, ' ')
    .replaceAll(/\s+/g, ' ');

const MESSAGES = {
  preview: previewMessage(plan).text,
  'live message': runMessage(running).text,
  'progress post': progressPost(running).text,
  status: statusMessage({ ...state, links: new Map() }, 'act').text,
  'Home tab': JSON.stringify(homeView({ ...state, history: [], backups: [], rights: 'read' }, NOW).blocks),
  completion: completed.message.text,
  report: reportMessage(run, report, about).text,
  chart: chartMessage('r-0142', report).text,
  validation: validationMessage(validation, NOW).text,
  receipt: receiptMessage(autopilotRecord({ state: 'finished' }), run).text,
  checklist: checklistMessage(view, NOW, { buttons: true }).text,
};
type Name = keyof typeof MESSAGES;

const RUN: readonly Name[] = ['live message', 'progress post', 'status', 'Home tab', 'completion'];

/** Each label with which a message shows a number, what it must say, and the messages that have it. */
const LABELS: readonly [what: string, label: RegExp, number: readonly string[], messages: readonly Name[]][] = [
  [
    'images of the run',
    /(\d+(?:,\d{3})*)\b images in the run|all (\d+(?:,\d{3})*)\b images|for (\d+(?:,\d{3})*)\b images/g,
    ['2,498'],
    ['preview', 'report', 'validation'],
  ],
  ['images with an outcome', /(\d+(?:,\d{3})*)\b of 2,498 done/g, ['2,498'], [...RUN, 'receipt']],
  [
    'processed',
    /(\d+(?:,\d{3})*)\b processed(?: and in the table)?,|[Pp]rocessed (\d+(?:,\d{3})*)\b/g,
    ['2,411'],
    [...RUN, 'report', 'validation'],
  ],
  ['rejected', /(\d+(?:,\d{3})*)\b rejected|[Rr]ejected (\d+(?:,\d{3})*)\b/g, ['49'], [...RUN, 'report', 'validation']],
  [
    'failed',
    /(?<!steps done, )\b(\d+(?:,\d{3})*)\b failed|[Ff]ailed (\d+(?:,\d{3})*)\b|(\d+(?:,\d{3})*)\b images failed|(\d+(?:,\d{3})*)\b of them failed/g,
    ['31'],
    [...RUN, 'report', 'validation', 'receipt'],
  ],
  [
    'without rows',
    /(\d+(?:,\d{3})*)\b images? ha(?:s|ve) no rows|[Ww]ithout rows in the table (\d+(?:,\d{3})*)\b|(\d+(?:,\d{3})*)\b (?:images )?without rows in the table|(\d+(?:,\d{3})*)\b images were processed but have no records/g,
    ['7'],
    [...RUN, 'report', 'validation', 'receipt', 'checklist'],
  ],
  [
    'to retry',
    /Failed or without rows(?: a minute)? (?:\S \(at most )?(\d+(?:,\d{3})*)\b/g,
    ['38'],
    ['report', 'chart', 'receipt'],
  ],
  [
    'entries reported',
    /reported (\d+(?:,\d{3})*)\b entries|Entries reported \S \((\d+(?:,\d{3})*)\b/g,
    ['6,311'],
    ['completion', 'report', 'receipt', 'chart'],
  ],
  [
    'growth',
    /the table grew by (\d+(?:,\d{3})*)\b|\+(\d+(?:,\d{3})*)\b since the start/g,
    ['5,200'],
    [...RUN, 'report', 'receipt'],
  ],
  [
    'records before the run',
    /Records in the table \(failures not counted\) (\d+(?:,\d{3})*)\b Planned/g,
    ['787'],
    ['preview'],
  ],
  [
    'records',
    /Records in the table \(failures not counted\)(?: ·)? (\d+(?:,\d{3})*)\b [(·]/g,
    ['5,987'],
    [...RUN, 'validation'],
  ],
  [
    'growth against the backup',
    /\(failures not counted\) · 5,987 · 787 · \+(\d+(?:,\d{3})*)\b/g,
    ['5,200'],
    ['validation'],
  ],
  ['every record', /All records · (\d+(?:,\d{3})*)\b · (\d+(?:,\d{3})*)\b/g, ['6,018', '813'], ['validation']],
  [
    'cost',
    /Cost(?: so far)? \$(\d+\.\d\d)/g,
    ['7.23'],
    ['live message', 'status', 'Home tab', 'completion', 'report', 'receipt'],
  ],
];

describe('the numbers of one run and its table', () => {
  test.each(LABELS)('%s: one number, the same in each message', (what, label, expected, messages) => {
    for (const [name, text] of Object.entries(MESSAGES)) {
      const found = [...read(text).matchAll(label)].flatMap(([, ...numbers]) => numbers.filter((n) => n !== undefined));
      const isShown = messages.some((one) => one === name);
      expect([...new Set(found)], `${what} in ${name}: ${read(text)}`).toEqual(
        isShown || found.length > 0 ? expected : [],
      );
    }
  });

  test('the function reported N entries is never said without what the table shows', () => {
    const followed = Object.values(MESSAGES).flatMap((text) =>
      [...read(text).matchAll(/reported [\d,]+ entries(.{1,20})/g)].map(([, after]) => after),
    );
    expect(followed).not.toEqual([]);
    for (const after of followed) expect(after).toMatch(/^; the table /);
  });
});
