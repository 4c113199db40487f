import { expect, test } from 'vitest';
import type { RunEvent } from '../../../../src/run/model/types.ts';
import { reportMessage } from '../../../../src/slack/messages/results/report-message.ts';
import { alertOf } from '../../../../src/slack/messages/run/alerts.ts';
import { previewMessage } from '../../../../src/slack/messages/run/preview.ts';
import { runMessage } from '../../../../src/slack/messages/run/run-message.ts';
import { runPlan, runSnapshot } from '../../../support/memory/scripted-run-control.ts';
import { report } from '../../../support/messages/message-samples.ts';
import { failuresFound } from '../../../support/messages/result-builders.ts';

const onAws = { engine: 'step-functions' } as const;
const alert = (run: ReturnType<typeof runSnapshot>) =>
  alertOf({ kind: 'started', snapshot: run }, { resumesByItself: true })?.message.text;
const reportOf = (run: ReturnType<typeof runSnapshot>) =>
  reportMessage(run, report, { expected: { ms: 1 }, causes: failuresFound().totals.causesInRun }).text;

test('the preview, the start, the live message and the report name an engine that is not the bot', () => {
  expect(previewMessage(runPlan(onAws)).text).toContain('Engine: AWS Step Functions\n');
  expect(runMessage(runSnapshot(onAws)).text).toContain('Engine: AWS Step Functions\n');
  expect(reportOf(runSnapshot(onAws))).toContain('Engine: AWS Step Functions\n');
  expect(alert(runSnapshot(onAws))).toContain('started on AWS Step Functions: 1,398 images');
});

test('they name no engine where the bot invokes the function itself', () => {
  const texts = [previewMessage(runPlan()).text, runMessage(runSnapshot()).text, reportOf(runSnapshot())];
  for (const text of [...texts, alert(runSnapshot())]) expect(text).not.toMatch(/engine|Step Functions/i);
});

const textOf = (event: RunEvent) => alertOf(event, { resumesByItself: true })?.message.text ?? '';

test('a bot that shuts down says that the run continues on AWS, and how to stop it without the bot', () => {
  const text = textOf({ kind: 'left', why: 'shutdown', snapshot: runSnapshot(onAws) });
  expect(text).toMatch(/is shutting down, and Rescan r-0142 continues on AWS Step Functions: 412 of 1,398 done/);
  expect(text).toContain('set the attribute `stop` to true in the control table (pk `run#r-0142`, sk `run`)');
  expect(text).not.toContain('Nothing is running');
});

test('a bot that shuts down while it checks the rows of all images does not say that something continues on AWS', () => {
  const rows = { found: 10, unproven: 0, checkingAll: true } as const;
  const text = textOf({ kind: 'left', why: 'shutdown', snapshot: runSnapshot({ ...onAws, rows }) });
  expect(text).toMatch(/^The bot is shutting down: 412 of 1,398 done/);
  expect(text).not.toContain('continues');
});

test('a bot that cannot read its control table says in the channel that it does not follow the run', () => {
  const alert = alertOf(
    { kind: 'left', why: 'control-table', snapshot: runSnapshot(onAws) },
    { resumesByItself: true },
  );
  expect(alert?.to).toBe('channel');
  expect(alert?.message.text).toMatch(/does not follow Rescan r-0142 any more.*\n.*continues on AWS Step Functions/);
});

test('the next bot says that it follows the run, and not that it resumed it', () => {
  const resumed = { kind: 'resumed', rerunning: 0, repeating: 0, snapshot: runSnapshot(onAws) } as const;
  expect(textOf({ ...resumed, from: 'interrupted' })).toMatch(
    /^The bot follows Rescan r-0142 again: 412 of 1,398 done/,
  );
  expect(textOf({ ...resumed, from: 'stopped', by: 'U1' })).toContain(
    'At most the images in progress at that moment run twice.',
  );
});

test('the warning about the control table does not say that no image starts', () => {
  const warning = { kind: 'control-table', value: 40, limit: 30 } as const;
  const text = textOf({ kind: 'warning-began', warning, snapshot: runSnapshot(onAws) });
  expect(text).toContain('the bot neither steers nor stops the run until it can');
});
