import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { parse } from 'yaml';
import { z } from 'zod';
import { suggestNearest } from '../../src/lib/nearest.ts';
import type { RunState } from '../../src/run/model/types.ts';
import { COMMANDS } from '../../src/slack/commands/commands.ts';
import { changePlanView } from '../../src/slack/forms/change-plan-view.ts';
import { denyView } from '../../src/slack/forms/deny-form.ts';
import { deployView, rollbackView } from '../../src/slack/forms/deploy-view.ts';
import { restoreRowsView } from '../../src/slack/forms/restore-rows-view.ts';
import { scopeView } from '../../src/slack/forms/scope/scope-view.ts';
import { chooseRestoreView, flushView } from '../../src/slack/forms/table-views.ts';
import { autopilotMessage, autopilotPlanMessage } from '../../src/slack/messages/checklist/autopilot-message.ts';
import { checklistMessage } from '../../src/slack/messages/checklist/checklist-message.ts';
import { deployedMessage } from '../../src/slack/messages/checklist/deploy-message.ts';
import { loggingMessage } from '../../src/slack/messages/checklist/logging-message.ts';
import { scopeSetMessage } from '../../src/slack/messages/checklist/scope-message.ts';
import { stopQuestion } from '../../src/slack/messages/checklist/status-message.ts';
import { helpMessage, unknownWordMessage } from '../../src/slack/messages/help/help.ts';
import { ACTION, button } from '../../src/slack/messages/kit/buttons.ts';
import { say, withButton } from '../../src/slack/messages/kit/message.ts';
import { diffMessage } from '../../src/slack/messages/results/diff-message.ts';
import { failuresMessage } from '../../src/slack/messages/results/failures-message.ts';
import { followMessage } from '../../src/slack/messages/results/log-message.ts';
import { alertOf } from '../../src/slack/messages/run/alerts.ts';
import { engineMessage } from '../../src/slack/messages/run/engine-message.ts';
import { previewMessage } from '../../src/slack/messages/run/preview.ts';
import { runMessage } from '../../src/slack/messages/run/run-message.ts';
import { approvalMessage } from '../../src/slack/messages/table/approval-message.ts';
import { jobMessage, pruneMessage } from '../../src/slack/messages/table/table-messages.ts';
import { runPlan, runSnapshot } from '../support/memory/scripted-run-control.ts';
import { autopilotRecord, checklistView, plannedDeploy, scopeFound } from '../support/messages/checklist-builders.ts';
import { engineReports } from '../support/messages/engine-reports.ts';
import { diffFound, failuresFound } from '../support/messages/result-builders.ts';
import {
  backupRecord,
  flushApproval,
  flushJob,
  NOW,
  pruneAction,
  tableNow,
} from '../support/messages/table-builders.ts';
import { createIntakeRig } from '../support/rigs/intake-rig.ts';

const manifestSchema = z.looseObject({
  features: z.looseObject({
    slash_commands: z.array(z.looseObject({ command: z.string(), usage_hint: z.string() })),
  }),
});

describe('the tables of commands, buttons and forms', () => {
  const { commands, actions, forms: views } = createIntakeRig();
  const words = [...commands.keys()];

  test('every command is in the command table and in the help text with its usage', () => {
    expect(words).toEqual([
      'help',
      'autopilot',
      'checklist',
      'scope',
      'schedule',
      'backup',
      'backups',
      'quotas',
      'deploy',
      'test-logging',
      'sample',
      'engine',
      'override',
      'flush',
      'start',
      'status',
      'pause',
      'resume',
      'stop',
      'halt',
      'pace',
      'failures',
      'export',
      'retry',
      'logs',
      'validate',
      'diff',
      'diagnose',
      'restore',
      'close',
      'history',
      'use',
      'audit',
    ]);
    const help = helpMessage(COMMANDS).text;
    for (const { word, usage, example } of COMMANDS) {
      expect(usage.split(' ')[0]).toBe(word);
      expect(example.split(' ')[0]).toBe(word);
      expect(help).toContain(`\`${word}\``);
    }
  });

  test('the descriptions of the commands are exactly those of the commands that exist', () => {
    expect(COMMANDS.map(({ word }) => word).sort()).toEqual([...commands.keys()].sort());
    for (const description of COMMANDS) expect(commands.get(description.word)).toMatchObject(description);
  });

  test('the example of every command is understood by the command', () => {
    for (const { word, example } of COMMANDS)
      expect(commands.get(word)?.read(example.slice(word.length).trim())).toMatchObject({ ok: true });
  });

  test('the usage hint of the manifest names every command and nothing else', () => {
    const { features } = manifestSchema.parse(
      parse(readFileSync(new URL('../../manifest.yml', import.meta.url), 'utf8')),
    );
    const [command] = features.slash_commands;
    expect(command?.command).toBe('/rescan');
    const hinted = command?.usage_hint.split('|').map((part) => part.trim()) ?? [];
    expect(hinted.toSorted()).toEqual([...commands.keys()].toSorted());
  });

  test('help and docs/commands.md describe every option that a command takes', () => {
    const docs = readFileSync(new URL('../../docs/commands.md', import.meta.url), 'utf8');
    const described = new Map<string, readonly string[]>();
    for (const { word, usage, options = [] } of COMMANDS) {
      const help = options.map(([option, meaning]) => `${option} ${meaning}`).join(' ');
      const forms = usage.split(' | ').map((form) => form.split(' ')[1] ?? '');
      // The refusal of an unknown option lists the known ones.
      const lines = ['', ...forms.filter((form) => /^[a-z]+$/.test(form))].flatMap((form) => [
        `${form} zzzzzzzz=1`,
        `${form} "0 2 * * *" zzzzzzzz=1`,
      ]);
      const taken = lines.flatMap((line) => {
        const read = commands.get(word)?.read(line.trim());
        const known = read && !read.ok ? (read.line.split('Options:')[1] ?? '') : '';
        return [...known.matchAll(/`([a-z-]+)=`/g)].map(([, name = '']) => name);
      });
      described.set(word, taken);
      for (const name of taken) {
        expect(`${usage} ${help}`, `${word} ${name}`).toContain(`${name}=`);
        if (!usage.includes('SCOPE') || usage.includes(`${name}=`))
          expect(usage, `${word} ${name}`).toContain(`${name}=`);
      }
      const section = docs.split(/^### /m).find((part) => part.startsWith(`\`/rescan ${word}\``)) ?? '';
      for (const [option] of options) expect(section, word).toContain(`- \`${option}\``);
    }
    for (const word of ['scope', 'start', 'logs', 'validate', 'diff', 'flush', 'restore', 'backups', 'deploy'])
      expect(described.get(word), word).not.toEqual([]);
    // These take other words for keys of images.
    for (const word of ['retry', 'schedule'])
      for (const name of ['type', 'cause', 'engine'])
        expect(COMMANDS.find((one) => one.word === word)?.usage, word).toContain(`[${name}=`);
  });

  test('every button of a message has a handler, and every handler has a button', () => {
    const person = { kind: 'person', by: 'U1' } as const;
    const fault = { reason: 'network', message: 'm', fix: 'm' } as const;
    const states: RunState[] = [
      { kind: 'planned' },
      { kind: 'running' },
      { kind: 'paused', because: person },
      { kind: 'paused', because: { kind: 'fault', fault } },
      { kind: 'stopped', by: person },
      { kind: 'tripped', trippedBy: { kind: 'no-growth', minutes: 10 } },
      { kind: 'interrupted' },
      { kind: 'completed' },
      { kind: 'abandoned', by: 'U1' },
    ];
    const messages = [
      ...states.map((state) => runMessage(runSnapshot({ state }))),
      runMessage(runSnapshot({ draining: true })),
      stopQuestion({ view: checklistView(), approvals: [], run: runSnapshot() }, ['r-0142']),
      previewMessage(runPlan()),
      previewMessage(runPlan({ openRun: runSnapshot({ state: { kind: 'interrupted' } }) })),
      ...states
        .flatMap((state) =>
          state.kind === 'planned' || state.kind === 'running'
            ? []
            : [
                alertOf(
                  { kind: state.kind, snapshot: runSnapshot({ state }), drive: 'd-1', leftInFlight: 0 },
                  { resumesByItself: false },
                ),
              ],
        )
        .flatMap((alert) => (alert ? [alert.message] : [])),
      approvalMessage(flushApproval(), { policy: 'second-person', approvers: ['U0APPROVER'] }),
      jobMessage(flushJob()),
      pruneMessage({ remove: [backupRecord()], spared: [], action: pruneAction([backupRecord()]) }, 1),
      checklistMessage(checklistView({}, { next: 'backup' }), NOW, { buttons: true }),
      scopeSetMessage(scopeFound()),
      autopilotPlanMessage(autopilotRecord()),
      autopilotMessage(autopilotRecord({ state: 'running', blocker: '{}' }), checklistView(), NOW),
      loggingMessage({ kind: 'nothing-logged', imageKey: 'INVALID_IMAGE-1.png', failure: 'OCR_ERROR · NoSuchKey' }),
      deployedMessage({ codeSha256: 'bmV4dA==' }, 'U1'),
      failuresMessage(failuresFound(), NOW),
      diffMessage(diffFound({ removed: 1 }), [], NOW),
      withButton(say('answer'), button(ACTION.share, 'Share in channel', '1')),
      ...engineReports((value) => value).map(engineMessage),
      followMessage({ id: 'C1/1', forMs: 600_000, only: undefined }, { kind: 'following' }, 0),
    ];
    const shown = new Set(
      [...JSON.stringify(messages).matchAll(/"action_id":"([^"]+)"/g)].map((match) => match[1] ?? ''),
    );
    expect([...shown].sort()).toEqual(Object.keys(actions).sort());
    expect(Object.values<string>(ACTION).sort()).toEqual(Object.keys(actions).sort());
  });

  test('every form that can be opened has a handler', () => {
    const backup = backupRecord();
    const difference = { added: 0, changed: 0, removed: 0 };
    const action = { kind: 'flush', backupId: backup.id, failedOnly: false } as const;
    const opened = [
      changePlanView(runPlan(), { channel: 'C1', ts: '1.000001' }),
      flushView({ action, now: tableNow(), backup, difference }, 'C1'),
      chooseRestoreView([backup], 'C1'),
      deployView(plannedDeploy(), 'C1'),
      rollbackView(plannedDeploy(), 'C1'),
      restoreRowsView({
        removed: [],
        changed: [],
        all: 1,
        byHand: 0,
        allChanged: 0,
        backupId: backup.id,
        table: 'T',
        channel: 'C1',
      }),
      denyView('a-1', { channel: 'C1', ts: '1.0' }),
      scopeView('C1', undefined),
    ];
    expect([...views.keys()]).toEqual(opened.map((view) => view.callback_id));
  });

  test('an unknown command is answered with the nearest commands', () => {
    expect(suggestNearest('sttaus', words)).toEqual(['status', 'start']);
    expect(suggestNearest('res', words)).toEqual(['restore', 'resume']);
    expect(suggestNearest('PUASE', words)[0]).toBe('pause');
    expect(suggestNearest('bananas', words)).toEqual([]);
    expect(unknownWordMessage('bananas', words).text).toBe(
      'Nothing was done: there is no command `/rescan bananas`.\nSee all commands with `/rescan help`.',
    );
    expect(unknownWordMessage('stat', words).text).toBe(
      'Nothing was done: there is no command `/rescan stat`.\nDid you mean `/rescan status`, `/rescan start` or `/rescan stop`? See all commands with `/rescan help`.',
    );
  });
});
