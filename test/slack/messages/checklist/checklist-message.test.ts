import { describe, expect, test } from 'vitest';
import { checkBlocks } from '../../../../sandbox/slack/rules/block-check.ts';
import { STEPS } from '../../../../src/checklist/model/step.ts';
import type { HistoryEntry, PastRun } from '../../../../src/checklist/steps/history.ts';
import { checklistMessage, historyMessage } from '../../../../src/slack/messages/checklist/checklist-message.ts';
import { withinLimits } from '../../../../src/slack/messages/kit/limits.ts';
import { checklistView } from '../../../support/messages/checklist-builders.ts';
import { NOW } from '../../../support/messages/table-builders.ts';

const MINUTE = 60_000;
const by = (ago: number) => ({ by: 'U0OPERATOR', at: NOW - ago });
const view = checklistView(
  {
    backup: {
      state: 'done',
      ...by(10 * MINUTE),
      found: { kind: 'backup', backupId: '20260105083000-abc123', records: 760 },
    },
    quotas: { state: 'done', ...by(9 * MINUTE), found: { kind: 'quotas', pacePerMinute: 160, blocking: [] } },
    deploy: { state: 'skipped', because: 'logging-proven' },
    'test-logging': {
      state: 'stale',
      ...by(120 * MINUTE),
      stale: { reason: 'logging-stale', fix: 'test-logging', provenAt: NOW },
      overriddenBy: { by: 'U0APPROVER', reason: 'known <!channel>' },
    },
    sample: { state: 'failed', ...by(MINUTE), found: { kind: 'sample', images: 3, failed: 1 } },
    flush: { state: 'running', ...by(30_000) },
  },
  {
    next: 'sample',
    unread: [{ reason: 'access-denied', message: 'not authorized', fix: 'Allow lambda:GetFunction.' }],
  },
);
const LINES = [
  ':white_check_mark: *Back up the table* (done): Backup `b-abc123`, 760 records, verified · <@U0OPERATOR>, 10 min ago',
  ':white_check_mark: *Check quotas* (done): no limit blocks; 160 images a minute · <@U0OPERATOR>, 9 min ago',
  ':heavy_minus_sign: *Deploy failure logging* (not needed): failure logging already works',
  ':heavy_minus_sign: *Test failure logging* (skipped): the code of the function changed after failure logging was tested · skipped by <@U0APPROVER>: known &lt;!channel&gt; · <@U0OPERATOR>, 2 h ago',
  ':x: *Run a sample of images* (failed): 1 of 3 images failed · <@U0OPERATOR>, 1 min ago',
  ':hourglass_flowing_sand: *Flush the table* (in progress): <@U0OPERATOR>, 30 s ago',
  ':white_circle: *Rescan every image* (to do)',
  ':white_circle: *Validate* (to do)',
];

describe('the checklist', () => {
  test('says every step with its state, who and when, what it found, what is next and what could not be read', () => {
    expect(checklistMessage(view, NOW, { buttons: true }).text.split('\n')).toEqual([
      'Checklist c-0001: 4 of 8 steps done, 1 failed.',
      'Next: Run a sample of images.',
      ':warning: Some steps could not be checked: `not authorized` Allow lambda:GetFunction.',
      ...LINES,
    ]);
  });

  test('is one plan with a task for each step, in their order', () => {
    const [, plan] = checklistMessage(view, NOW, { buttons: true }).blocks;
    if (plan?.type !== 'plan') throw new Error('There is no plan.');
    expect(plan.title).toBe('Checklist c-0001');
    expect(plan.tasks?.map(({ task_id, title, status }) => [task_id, title, status])).toEqual([
      ['backup', 'Back up the table: done', 'complete'],
      ['quotas', 'Check quotas: done', 'complete'],
      ['deploy', 'Deploy failure logging: not needed', 'complete'],
      ['test-logging', 'Test failure logging: skipped', 'complete'],
      ['sample', 'Run a sample of images: failed', 'error'],
      ['flush', 'Flush the table: in progress', 'in_progress'],
      ['rescan', 'Rescan every image: to do', 'pending'],
      ['validate', 'Validate: to do', 'pending'],
    ]);
    expect(JSON.stringify(plan.tasks?.[0])).toContain('{"type":"user","user_id":"U0OPERATOR"}');
  });

  test('says the same in a plain section, where a plan is not taken', () => {
    const message = checklistMessage(view, NOW, { buttons: true });
    expect(message.plain?.[1]).toEqual({ type: 'section', text: { type: 'mrkdwn', text: LINES.join('\n') } });
    expect(message.plain?.filter((_, at) => at !== 1)).toEqual(message.blocks.filter((_, at) => at !== 1));
  });

  test.each([
    ['backup', 'Back up now'],
    ['quotas', 'Check quotas'],
    ['deploy', 'Deploy…'],
    ['test-logging', 'Test failure logging'],
    ['sample', 'Run a sample'],
    ['flush', 'Flush…'],
    ['rescan', 'Plan the rescan'],
  ] as const)('has the button of the next step, %s', (next, label) => {
    const { blocks } = checklistMessage(checklistView({}, { next }), NOW, { buttons: true });
    expect(blocks.at(-1)).toEqual({
      type: 'actions',
      elements: [
        {
          type: 'button',
          action_id: 'checklist_next',
          text: { type: 'plain_text', text: label },
          value: next,
          style: 'primary',
        },
      ],
    });
  });

  test('has no button for who may not begin a step, nor where none can', () => {
    const types = (message: { blocks: readonly { type: string }[] }) => message.blocks.map(({ type }) => type);
    expect(types(checklistMessage(view, NOW, { buttons: false }))).toEqual(['section', 'plan']);
    expect(types(checklistMessage(checklistView({}, { next: 'validate' }), NOW, { buttons: true }))).toContain(
      'actions',
    );
    expect(types(checklistMessage(checklistView(), NOW, { buttons: true }))).toEqual(['section', 'plan']);
  });

  test.each([
    [
      'completed',
      checklistView({}, { outcome: { kind: 'completed', runId: 'r-0142' }, next: 'backup' }),
      'Checklist c-0001 is closed: Rescan r-0142 is complete.',
    ],
    [
      'closed',
      checklistView({}, { outcome: { kind: 'closed', by: 'U0APPROVER' } }),
      'Checklist c-0001 was closed by <@U0APPROVER>.',
    ],
  ])('that is %s says how it ended and how the next one begins, and names no next step', (_, closed, fact) => {
    expect(checklistMessage(closed, NOW, { buttons: false }).text.split('\n').slice(0, 3)).toEqual([
      fact,
      'Start the next rescan with `/rescan backup` or `/rescan autopilot`.',
      ':white_circle: *Back up the table* (to do)',
    ]);
  });

  test('that is not open yet shows its steps', () => {
    const { id: _, ...unopened } = checklistView({}, { next: 'backup' });
    expect(checklistMessage(unopened, NOW, { buttons: true }).text.split('\n').slice(0, 2)).toEqual([
      'No rescan is open. These are the steps of one.',
      'Next: Back up the table.',
    ]);
  });

  test('fits Slack in both forms, whatever people and errors say', () => {
    const hostile = '<!channel> *x* `y` <https://evil.example|click> '.repeat(40);
    const steps = Object.fromEntries(
      STEPS.map((step) => [
        step,
        {
          state: 'failed' as const,
          ...by(MINUTE),
          found: { kind: 'error' as const, message: hostile },
          overriddenBy: { by: 'U0APPROVER', reason: hostile },
        },
      ]),
    );
    const fault = { reason: 'network', message: hostile, fix: hostile } as const;
    const message = withinLimits(checklistMessage(checklistView(steps, { unread: [fault] }), NOW, { buttons: true }));
    expect(checkBlocks(message.blocks, 'message')).toEqual([]);
    expect(checkBlocks(message.plain, 'message')).toEqual([]);
    const { blocks } = message;
    expect(JSON.stringify([message.text, message.plain, blocks[0]])).not.toContain('<!channel>');
    expect(JSON.stringify(blocks[1])).not.toContain('"type":"broadcast"');
  });
});

describe('the history', () => {
  test('lists past rescans, how they ended and what they ran', () => {
    const records = [
      {
        id: 'c-0003',
        openedBy: 'U0OPERATOR',
        openedAt: NOW - 10 * MINUTE,
        runIds: ['r-0005'],
        kept: { by: 'U1', at: NOW },
      },
      {
        id: 'c-0002',
        openedBy: 'U0OPERATOR',
        openedAt: NOW - 180 * MINUTE,
        closedAt: NOW - 60 * MINUTE,
        outcome: { kind: 'completed', runId: 'r-0004' } as const,
        runIds: ['r-0003', 'r-0004'],
      },
      {
        id: 'c-0001',
        openedBy: 'U0APPROVER',
        openedAt: NOW - 300 * MINUTE,
        closedAt: NOW - 240 * MINUTE,
        outcome: { kind: 'closed', by: 'U0OPERATOR' } as const,
        runIds: [],
      },
    ];
    const entries = records.map((record) => ({ kind: 'checklist', record }) as const);
    expect(historyMessage(entries, NOW).text.split('\n')).toEqual([
      'The last 3 rescans, newest first.',
      '• `c-0003` is open · opened by <@U0OPERATOR> 10 min ago · without a flush · runs `r-0005`',
      '• `c-0002` was completed by Rescan r-0004 · opened by <@U0OPERATOR> 3 h ago · took 2 h · runs `r-0003`',
      '• `c-0001` was closed by <@U0OPERATOR> · opened by <@U0APPROVER> 5 h ago · took 1 h',
    ]);
    expect(historyMessage([], NOW).text).toBe(
      'There was no rescan yet.\n`/rescan checklist` shows the steps; `/rescan autopilot` does all of them.',
    );
  });

  test('names a validation that failed after the close, once, and lists retries and runs over some images', () => {
    const closed = {
      id: 'c-0001',
      openedBy: 'U0OPERATOR',
      openedAt: NOW - 180 * MINUTE,
      closedAt: NOW - 60 * MINUTE,
      runIds: ['r-0001'],
    };
    const validation = { step: 'validate', state: 'failed' } as const;
    const retry: PastRun = {
      runId: 'r-0002',
      state: { kind: 'completed' },
      selection: { retry: { of: 'r-0001', attempt: 2, what: '24 failed images' } },
      images: 24,
      startedBy: 'U0OPERATOR',
      startedAt: NOW - 50 * MINUTE,
      endedAt: NOW - 48 * MINUTE,
    };
    const { startedBy: _, endedAt: __, ...stopped } = retry;
    const entries: HistoryEntry[] = [
      { kind: 'run', run: { ...stopped, state: { kind: 'interrupted' }, selection: { prefix: '2025/' } } },
      { kind: 'run', run: retry },
      { kind: 'checklist', record: { ...closed, outcome: { kind: 'completed', runId: 'r-0001' } }, validation },
      {
        kind: 'checklist',
        record: { ...closed, outcome: { kind: 'completed', runId: 'r-0001', failed: ['validate'] } },
        validation,
      },
    ];
    expect(historyMessage(entries, NOW).text.split('\n').slice(1)).toEqual([
      '• `r-0002` was interrupted: 24 images, under `2025/` · started 50 min ago',
      '• `r-0002` ended: 24 images, attempt 2 at images of `r-0001` (24 failed images) · started by <@U0OPERATOR> 50 min ago · took 2 min',
      '• `c-0001` was completed by Rescan r-0001 · :warning: its validation failed · opened by <@U0OPERATOR> 3 h ago · took 2 h',
      '• `c-0001` failed with Rescan r-0001 (Validate) · opened by <@U0OPERATOR> 3 h ago · took 2 h',
    ]);
  });
});
