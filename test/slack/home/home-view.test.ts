import { describe, expect, test } from 'vitest';
import { checkBlocks } from '../../../sandbox/slack/rules/block-check.ts';
import { type HomeFacts, homeView } from '../../../src/slack/home/home-view.ts';
import { runSnapshot } from '../../support/memory/scripted-run-control.ts';
import {
  autopilotRecord,
  checklistView,
  deployApproval,
  deployInProgress,
} from '../../support/messages/checklist-builders.ts';
import { backupRecord, flushApproval, flushJob, NOW } from '../../support/messages/table-builders.ts';

const facts = (change: Partial<HomeFacts> = {}): HomeFacts => ({
  view: checklistView({}, { next: 'backup' }),
  history: [],
  backups: [],
  approvals: [],
  rights: 'act',
  ...change,
});
const full = (change: Partial<HomeFacts> = {}): HomeFacts =>
  facts({
    run: runSnapshot(),
    autopilot: autopilotRecord({ state: 'running' }),
    backups: [backupRecord()],
    approvals: [{ ...flushApproval(), link: 'https://slack.test/archives/C1/p1' }],
    history: [
      {
        kind: 'checklist',
        record: {
          id: 'c-0001',
          openedBy: 'U0OPERATOR',
          openedAt: NOW - 3_600_000,
          closedAt: NOW,
          runIds: ['r-1'],
          outcome: { kind: 'completed', runId: 'r-1' },
        },
      },
    ],
    ...change,
  });
const textOf = (view: ReturnType<typeof homeView>) => JSON.stringify(view.blocks);
const actionsOf = (view: ReturnType<typeof homeView>) =>
  [...textOf(view).matchAll(/"action_id":"([^"]+)"/g)].map(([, id]) => id);

describe('the Home tab', () => {
  test.each([
    ['with nothing yet', facts()],
    ['with everything', full()],
  ])('%s is what Slack takes', (_what, given) => {
    expect(checkBlocks(homeView(given, NOW).blocks, 'home')).toEqual([]);
  });

  test('shows checklist, run, autopilot, backups, past rescans, and what waits for an approval, with the way there', () => {
    const text = textOf(homeView(full(), NOW));
    for (const part of [
      /Back up the table/,
      /Rescan r-0142/,
      /The autopilot is running/,
      /b-abc123/,
      /c-0001/,
      /flush requested by <@U0OPERATOR> · <https:\/\/slack\.test\/archives\/C1\/p1\|decide in the channel>/,
    ])
      expect(text).toMatch(part);
  });

  test('shows requests for a deploy and a deploy in progress', () => {
    const waiting = full({ approvals: [{ ...deployApproval(), link: 'https://slack.test/p2' }] });
    expect(textOf(homeView(waiting, NOW))).toMatch(
      /deploy of new code to `TimesheetOCR-ocr-dev` requested by <@U0OPERATOR> · <https:\/\/slack\.test\/p2\|decide/,
    );
    const going = textOf(homeView(facts({ deploy: deployInProgress() }), NOW));
    expect(going).toMatch(/The deploy to `TimesheetOCR-ocr-dev` is in progress\. Requested by <@U0OPERATOR>/);
    expect(going).toMatch(/nobody has to act now/);
  });

  test('has buttons for who may act, and none for who may only look', () => {
    const actions = actionsOf(homeView(full(), NOW));
    expect(actions).toContain('checklist_next');
    expect(actions).toContain('autopilot_stop');
    expect(actionsOf(homeView(full({ rights: 'read' }), NOW))).toEqual([]);
  });

  test('has only the buttons that halt something for who may only stop', () => {
    const actions = actionsOf(homeView(full({ rights: 'stop', job: flushJob() }), NOW));
    expect(actions).toEqual(['job_stop', 'autopilot_stop', 'run_pause', 'run_stop']);
  });

  test('never takes what cannot be read for nothing being there', () => {
    expect(textOf(homeView(facts({ backups: 'unread' }), NOW))).toMatch(/cannot be read/);
    expect(textOf(homeView(facts(), NOW))).toMatch(/None yet\. Make one with `\/rescan backup`/);
  });

  test('keeps within a hundred blocks, each with an id of its own', () => {
    const view = homeView(
      full({ approvals: Array.from({ length: 200 }, (_, n) => flushApproval({ id: `a-${n}` })) }),
      NOW,
    );
    expect(view.blocks.length).toBeLessThanOrEqual(100);
    expect(JSON.stringify(view.blocks)).toContain('… and 190 more requests in the channel.');
    expect(checkBlocks(view.blocks, 'home')).toEqual([]);
    const ids = view.blocks.flatMap(({ block_id }) => (block_id === undefined ? [] : [block_id]));
    expect(new Set(ids).size).toBe(ids.length);
  });

  test('says since when it is out of date and why, and has no buttons then', () => {
    const fault = { reason: 'credentials', message: 'ExpiredToken', fix: 'Renew them.' } as const;
    const view = homeView(full({ outdated: { since: NOW, readAt: NOW - 540_000, fault } }), NOW);
    const [, banner] = view.blocks;
    expect(JSON.stringify(banner)).toMatch(
      /Could not refresh since .*AWS rejects the bot’s credentials.*Shown: the state at/,
    );
    expect(JSON.stringify(view.blocks)).not.toContain('action_id');
    expect(JSON.stringify(homeView(full(), NOW).blocks)).toContain('action_id');
  });
});
