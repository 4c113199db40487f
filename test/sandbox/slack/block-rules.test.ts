import { describe, expect, it } from 'vitest';
import { checkBlocks, checkView, describeProblem } from '../../../sandbox/slack/rules/block-check.ts';
import type { Surface } from '../../../sandbox/slack/rules/rule.ts';
import { button, clientOf, plain, section, slackForTest } from './harness.ts';

const problems = (blocks: unknown, surface: Surface = 'message') => checkBlocks(blocks, surface).map(describeProblem);
const richText = (text: string) => ({
  type: 'rich_text',
  elements: [{ type: 'rich_text_section', elements: [{ type: 'text', text, style: { bold: true } }] }],
});
const cell = (text: string) => ({ type: 'raw_text', text });
const chart = (labels: readonly string[]) => ({
  type: 'data_visualization',
  title: 'Images a minute',
  chart: {
    type: 'line',
    series: [{ name: 'pace', data: labels.map((label) => ({ label, value: 1 })) }],
    axis_config: { categories: ['a', 'b'], x_label: 'minute' },
  },
});
const task = (task_id: string) => ({
  type: 'task_card',
  task_id,
  title: 'Back up',
  status: 'complete',
  output: richText('ok'),
});

describe('blocks', () => {
  it('blocks of every kind are valid on a surface that supports them', () => {
    const everything = [
      section('text'),
      { type: 'section', fields: [plain('a'), plain('b')], accessory: button('x') },
      { type: 'header', text: plain('h') },
      { type: 'divider' },
      { type: 'context', elements: [plain('a'), { type: 'image', image_url: 'http://x/y.png', alt_text: 'y' }] },
      { type: 'actions', elements: [button('go', 'v'), { type: 'users_select', action_id: 'u' }] },
      richText('hello'),
      { type: 'markdown', text: '**a**' },
      { type: 'plan', title: 'Checklist', tasks: [task('1'), task('2')] },
      task('3'),
      { type: 'table', rows: [[cell('a'), richText('b')]], column_settings: [{ align: 'right' }] },
      { type: 'data_table', caption: 'Failures', rows: [[cell('a')], [{ type: 'raw_number', value: 1, text: '1' }]] },
      chart(['a', 'b']),
      { type: 'card', title: { type: 'mrkdwn', text: 't' }, actions: [button('open')] },
      {
        type: 'container',
        title: plain('c'),
        child_blocks: [section('in'), { type: 'actions', elements: [button('in')] }],
      },
      { type: 'context_actions', elements: [{ type: 'icon_button', icon: 'trash', text: plain('d'), action_id: 'd' }] },
    ];
    expect(problems(everything)).toEqual([]);
    expect(problems([{ type: 'alert', text: plain('careful'), level: 'warning' }], 'modal')).toEqual([]);
  });

  it.each<[string, unknown, string, Surface?]>([
    [
      'too long a text',
      [section('x'.repeat(3001))],
      'must be less than 3001 characters [json-pointer:/blocks/0/text/text]',
    ],
    ['an empty text', [section('')], 'must be more than 0 characters [json-pointer:/blocks/0/text/text]'],
    [
      'too long a header',
      [{ type: 'header', text: plain('x'.repeat(151)) }],
      'must be less than 151 characters [json-pointer:/blocks/0/text/text]',
    ],
    [
      'mrkdwn in a header',
      [{ type: 'header', text: { type: 'mrkdwn', text: 'x' } }],
      'must be a valid enum value: plain_text [json-pointer:/blocks/0/text/type]',
    ],
    [
      'too many blocks',
      Array.from({ length: 51 }, () => ({ type: 'divider' })),
      'no more than 50 items allowed [json-pointer:/blocks]',
    ],
    [
      'too many buttons',
      [{ type: 'actions', elements: Array.from({ length: 26 }, (_, n) => button(`b${n}`)) }],
      'no more than 25 items allowed [json-pointer:/blocks/0/elements]',
    ],
    [
      'a long button',
      [{ type: 'actions', elements: [{ ...button('b'), text: plain('x'.repeat(76)) }] }],
      'must be less than 76 characters [json-pointer:/blocks/0/elements/0/text/text]',
    ],
    [
      'a long value',
      [{ type: 'actions', elements: [button('b', 'x'.repeat(2001))] }],
      'must be less than 2001 characters [json-pointer:/blocks/0/elements/0/value]',
    ],
    [
      'one action_id twice',
      [{ type: 'actions', elements: [button('b'), button('b')] }],
      '`action_id` already exists: b [json-pointer:/blocks/0/elements/1/action_id]',
    ],
    [
      'one block_id twice',
      [
        { ...section('a'), block_id: 'x' },
        { ...section('b'), block_id: 'x' },
      ],
      '`block_id` already exists: x [json-pointer:/blocks/1/block_id]',
    ],
    ['an unknown block', [{ type: 'blink' }], 'unsupported type: blink [json-pointer:/blocks/0/type]'],
    [
      'a field that is not there',
      [{ ...section('a'), colour: 'red' }],
      'invalid additional property: colour [json-pointer:/blocks/0]',
    ],
    ['no text at all', [{ type: 'header' }], 'missing required field: text [json-pointer:/blocks/0]'],
    [
      'an alert in a message',
      [{ type: 'alert', text: plain('x') }],
      'unsupported type: alert [json-pointer:/blocks/0/type]',
    ],
    [
      'a plan in a modal',
      [{ type: 'plan', title: 'x' }],
      'unsupported type: plan [json-pointer:/blocks/0/type]',
      'modal',
    ],
    [
      'a table twice',
      [
        { type: 'table', rows: [[cell('a')]] },
        { type: 'table', rows: [[cell('a')]] },
      ],
      'only_one_table_allowed [json-pointer:/blocks]',
    ],
    [
      'a ragged data table',
      [{ type: 'data_table', caption: 'c', rows: [[cell('a')], [cell('a'), cell('b')]] }],
      'all rows must have the same number of cells [json-pointer:/blocks/0/rows]',
    ],
    [
      'tasks of one name',
      [{ type: 'plan', title: 'x', tasks: [task('1'), task('1')] }],
      '`task_id` must be unique [json-pointer:/blocks/0/tasks]',
    ],
    [
      'a series off its axis',
      [chart(['a', 'c'])],
      'data labels must match axis categories [json-pointer:/blocks/0/chart/series/0/data]',
    ],
    [
      'an error inside of a container',
      [{ type: 'container', title: plain('c'), child_blocks: [section('')] }],
      'must be more than 0 characters [json-pointer:/blocks/0/child_blocks/0/text/text]',
    ],
  ])('blocks with %s are refused with the pointer to the problem', (_, blocks, problem, surface = 'message') => {
    expect(problems(blocks, surface)).toEqual([problem]);
  });

  it('invalid blocks are refused by the Web API with Slack’s errors', async () => {
    const { chat } = clientOf(await slackForTest());
    const posting = chat.postMessage({ channel: 'C0TIMESHEET', text: 'x', blocks: [section('x'.repeat(3001))] });
    const problem = 'must be less than 3001 characters [json-pointer:/blocks/0/text/text]';
    await expect(posting).rejects.toMatchObject({
      data: { error: 'invalid_blocks', errors: [problem], response_metadata: { messages: [`[ERROR] ${problem}`] } },
    });
  });
});

describe('a view', () => {
  const modal = { type: 'modal', title: plain('t'), blocks: [] };
  const input = { type: 'input', label: plain('l'), element: { type: 'plain_text_input', action_id: 'a' } };
  it.each<[string, unknown, string]>([
    [
      'a long title',
      { ...modal, title: plain('x'.repeat(25)) },
      'must be less than 25 characters [json-pointer:/view/title/text]',
    ],
    [
      'inputs but no submit',
      { ...modal, blocks: [input] },
      'must define `submit` to use an `input` block in modals [json-pointer:/view]',
    ],
    [
      'too much metadata',
      { ...modal, private_metadata: 'x'.repeat(3001) },
      'must be less than 3001 characters [json-pointer:/view/private_metadata]',
    ],
    ['no title', { type: 'modal', blocks: [] }, 'missing required field: title [json-pointer:/view]'],
    [
      'too many blocks',
      { ...modal, blocks: Array.from({ length: 101 }, () => ({ type: 'divider' })) },
      'no more than 100 items allowed [json-pointer:/view/blocks]',
    ],
    [
      'a title on a Home tab',
      { type: 'home', title: plain('x'), blocks: [] },
      'invalid additional property: title [json-pointer:/view]',
    ],
  ])('a view with %s is refused', (_, view, problem) => {
    expect(checkView(view).map(describeProblem)).toEqual([problem]);
  });
});
